SELECT order_id, category LIKE '%o%', regexp_matches(category, '^[bm]'), regexp_replace(user_id, '[0-9]+', '#'),
       regexp_extract(order_id, 'o([0-9])([0-9]+)', 2), category NOT LIKE '_oo%', user_id IN ('u01', 'u02')
FROM orders
