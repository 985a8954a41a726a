SELECT s, description, revenue * multiplier
FROM (SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, category, sum(amount) AS revenue FROM orders WHERE t IS NOT NULL GROUP BY s, category)
JOIN categories ON category = name
