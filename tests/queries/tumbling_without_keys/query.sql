SELECT window.start AS window_start, count(*) AS n, sum(quantity) AS items
FROM orders
GROUP BY window(t, '5 minutes')
