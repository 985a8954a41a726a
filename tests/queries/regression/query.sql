SELECT window.start AS window_start, regr_slope(amount, quantity) AS slope, regr_count(amount, quantity) AS pairs
FROM orders
GROUP BY window(t, '5 minutes')
HAVING count(*) > 10
