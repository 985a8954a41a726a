SELECT time_bucket(INTERVAL '3 minutes', m, TIMESTAMP '1970-01-01') AS s, count(*), sum(n)
FROM (SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS m, user_id, count(*) AS n FROM orders WHERE t IS NOT NULL GROUP BY m, user_id)
GROUP BY s
