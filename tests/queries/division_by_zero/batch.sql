SELECT order_id, 6 / (quantity - 3) FROM orders WHERE quantity <> 3
