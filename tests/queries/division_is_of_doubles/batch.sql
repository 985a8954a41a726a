SELECT order_id, quantity / 2, (quantity + 1) / 4 FROM orders
