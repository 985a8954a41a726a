SELECT order_id, order_id || '/' || quantity, substring(order_id, 2, 2), replace(category, 'o', '0'), category, lpad(user_id, 6, '*'),
       reverse(order_id), category LIKE 'b%'
FROM orders
