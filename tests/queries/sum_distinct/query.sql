SELECT window.start AS window_start, sum(DISTINCT quantity) AS quantities
FROM orders
GROUP BY window(t, '2 minutes')
