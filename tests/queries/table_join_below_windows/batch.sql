SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, description, count(*), sum(amount * multiplier)
FROM orders LEFT JOIN categories ON category = name WHERE t IS NOT NULL GROUP BY ALL
