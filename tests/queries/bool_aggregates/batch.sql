SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, user_id, bool_and(express), bool_or(express)
FROM orders WHERE t IS NOT NULL
GROUP BY s, user_id
