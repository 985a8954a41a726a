SELECT window.start AS window_start, skewness(amount) AS skew, kurtosis(amount) AS kurt
FROM orders
GROUP BY window(t, '5 minutes')
HAVING count(*) > 10
