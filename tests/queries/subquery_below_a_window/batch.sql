SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, upper(category) AS kind, sum(amount * quantity), count(*)
FROM orders WHERE t IS NOT NULL AND amount > 0 AND amount * quantity > 50
GROUP BY s, kind
