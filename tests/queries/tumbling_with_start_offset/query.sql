SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM orders
GROUP BY window(t, '5 minutes', '5 minutes', '2 minutes')
