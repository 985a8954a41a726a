SELECT order_id, description, amount * multiplier, rank FROM orders JOIN categories ON category = name WHERE quantity > 1
