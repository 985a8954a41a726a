SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS s, category, count(*), sum(amount)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
HAVING count(*) >= 3 AND sum(amount) > 200
