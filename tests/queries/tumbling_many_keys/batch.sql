SELECT time_bucket(INTERVAL '10 minutes', t, TIMESTAMP '1970-01-01') AS s, user_id, category, express, quantity, count(*), sum(points)
FROM orders WHERE t IS NOT NULL
GROUP BY ALL
