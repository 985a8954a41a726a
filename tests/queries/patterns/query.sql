SELECT order_id, category LIKE '%o%' AS has_o, category RLIKE '^[bm]' AS begins, regexp_replace(user_id, '[0-9]+', '#') AS masked,
       regexp_extract(order_id, 'o([0-9])([0-9]+)', 2) AS rest, category NOT LIKE '_oo%' AS unlike, user_id IN ('u01', 'u02') AS known
FROM orders
