SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, s + INTERVAL '5 minutes', count(*)
FROM orders WHERE t IS NOT NULL GROUP BY s
