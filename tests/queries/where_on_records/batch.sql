SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*)
FROM orders
WHERE t IS NOT NULL AND amount BETWEEN 20 AND 150 AND category IN ('books', 'music') AND NOT (user_id LIKE 'u0%' OR express)
GROUP BY s
