SELECT time_bucket(INTERVAL '3 minutes', t, TIMESTAMP '1970-01-01') AS s, quantile_cont(amount, 0.5), quantile_cont(quantity, 0.5), median(points)
FROM orders WHERE t IS NOT NULL GROUP BY s
