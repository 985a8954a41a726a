SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS s, s + INTERVAL '1 minute', category, count(*),
       count(amount), sum(amount), avg(amount), min(amount), max(amount)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
