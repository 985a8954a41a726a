SELECT window.start AS window_start, percentile(amount, 0.9) AS p90
FROM orders
GROUP BY window(t, '3 minutes')
