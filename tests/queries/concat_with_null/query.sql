SELECT order_id, concat(user_id, '/', category) AS path FROM orders
