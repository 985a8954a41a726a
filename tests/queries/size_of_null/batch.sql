SELECT order_id, CASE WHEN category IS NOT NULL THEN len(string_split(category, 'o')) END FROM orders
