SELECT order_id, category, coalesce(description, 'unknown') FROM orders LEFT JOIN categories ON category = name AND rank < 3
