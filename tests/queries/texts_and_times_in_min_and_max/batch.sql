SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, min(category), max(user_id), min(t), max(t)
FROM orders WHERE t IS NOT NULL
GROUP BY s
