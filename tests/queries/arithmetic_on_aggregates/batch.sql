SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS s, sum(amount) / count(*), round(max(amount) * 1.23456, 2),
       coalesce(sum(amount) FILTER (WHERE quantity = 5), 0.0), max(amount) - min(amount)
FROM orders WHERE t IS NOT NULL
GROUP BY s
