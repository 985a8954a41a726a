SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, category, count(DISTINCT user_id), count(DISTINCT quantity)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
