SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, sum(amount), sum(quantity), max(address.city),
       count(quantity) FILTER (WHERE quantity <= 2), count(quantity), 0, min(CAST(quantity AS VARCHAR)), max(quantity)
FROM orders WHERE t IS NOT NULL GROUP BY s
