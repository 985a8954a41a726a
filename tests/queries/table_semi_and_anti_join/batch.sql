SELECT order_id, category FROM orders WHERE category IS NULL OR category NOT IN (SELECT name FROM categories)
UNION ALL
SELECT order_id, upper(category) FROM orders WHERE category = 'garden'
