SELECT order_id, CASE WHEN category IS NULL THEN 0 ELSE 1 END FROM orders
