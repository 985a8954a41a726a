SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(DISTINCT user_id)
FROM orders WHERE t IS NOT NULL GROUP BY s
