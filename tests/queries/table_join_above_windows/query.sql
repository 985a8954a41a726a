-- table: categories = '../data/categories.csv'
SELECT w.window_start AS window_start, c.description AS description, w.revenue * c.multiplier AS weighted
FROM (SELECT window.start AS window_start, category, sum(amount) AS revenue FROM orders GROUP BY window(t, '2 minutes'), category) AS w
JOIN categories c ON w.category = c.name
