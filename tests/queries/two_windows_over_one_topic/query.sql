SELECT '1 minute' AS size, window.start AS window_start, count(*) AS n, sum(amount) AS revenue FROM orders GROUP BY window(t, '1 minute')
UNION ALL
SELECT '5 minutes' AS size, window.start AS window_start, count(*) AS n, sum(amount) AS revenue FROM orders GROUP BY window(t, '5 minutes')
