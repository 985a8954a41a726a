-- table: categories = '../data/categories.csv'
SELECT o.order_id AS order_id, o.category AS category, coalesce(c.description, 'unknown') AS description
FROM orders o LEFT JOIN categories c ON o.category = c.name AND c.rank < 3
