SELECT order_id, NULL, NULL, NULL FROM orders
