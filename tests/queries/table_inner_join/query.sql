-- table: categories = '../data/categories.csv'
SELECT o.order_id AS order_id, c.description AS description, o.amount * c.multiplier AS weighted, c.rank AS place
FROM orders o JOIN categories c ON o.category = c.name
WHERE o.quantity > 1
