-- table: categories = '../data/categories.csv'
SELECT window.start AS window_start, c.description AS description, count(*) AS n, sum(o.amount * c.multiplier) AS weighted
FROM orders o LEFT JOIN categories c ON o.category = c.name
GROUP BY window(o.t, '5 minutes'), c.description
