WITH large AS (SELECT * FROM orders WHERE amount > 100)
SELECT window.start AS window_start, count(*) AS n, sum(amount) AS revenue
FROM large
GROUP BY window(t, '2 minutes')
