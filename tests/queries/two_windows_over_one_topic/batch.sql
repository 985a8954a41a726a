SELECT '1 minute', time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS s, count(*), sum(amount) FROM orders WHERE t IS NOT NULL GROUP BY s
UNION ALL
SELECT '5 minutes', time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*), sum(amount) FROM orders WHERE t IS NOT NULL GROUP BY s
