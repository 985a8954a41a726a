SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, sum(DISTINCT quantity)
FROM orders WHERE t IS NOT NULL
GROUP BY s
