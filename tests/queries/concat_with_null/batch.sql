SELECT order_id, user_id || '/' || category FROM orders
