SELECT window.start, window.end, count(*) AS n
FROM orders
GROUP BY window(t, '5 minutes')
