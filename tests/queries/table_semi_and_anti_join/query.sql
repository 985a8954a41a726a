-- table: categories = '../data/categories.csv'
SELECT o.order_id AS order_id, o.category AS category
FROM orders o LEFT ANTI JOIN categories c ON o.category = c.name
UNION ALL
SELECT o.order_id AS order_id, upper(o.category) AS category
FROM orders o LEFT SEMI JOIN categories c ON o.category = c.name AND c.rank = 2
