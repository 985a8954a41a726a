SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, kind, count(*), sum(value)
FROM (SELECT 'order' AS kind, amount AS value, t FROM orders UNION ALL SELECT 'payment' AS kind, paid AS value, t FROM payments)
WHERE t IS NOT NULL GROUP BY s, kind
