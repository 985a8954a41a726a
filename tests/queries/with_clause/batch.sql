SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*), sum(amount)
FROM orders WHERE t IS NOT NULL AND amount > 100
GROUP BY s
