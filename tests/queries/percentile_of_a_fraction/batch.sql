SELECT time_bucket(INTERVAL '3 minutes', t, TIMESTAMP '1970-01-01') AS s, quantile_cont(amount, 0.9)
FROM orders WHERE t IS NOT NULL GROUP BY s
