SELECT window.start AS window_start, percentile(amount, 0.5) AS p50, percentile(quantity, 0.5) AS middle, median(points) AS median_points
FROM orders
GROUP BY window(t, '3 minutes')
