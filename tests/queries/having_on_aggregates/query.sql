SELECT window.start AS window_start, category, count(*) AS n, sum(amount) AS revenue
FROM orders
GROUP BY window(t, '1 minute'), category
HAVING count(*) >= 3 AND sum(amount) > 200
