SELECT window.start AS window_start, median(amount) AS middle
FROM orders
GROUP BY window(t, '3 minutes')
