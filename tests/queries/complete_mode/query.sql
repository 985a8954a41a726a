SELECT window.start AS window_start, category, count(*) AS n, sum(amount) AS revenue
FROM orders
GROUP BY window(t, '5 minutes'), category
