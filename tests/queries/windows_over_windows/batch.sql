SELECT time_bucket(INTERVAL '5 minutes', m, TIMESTAMP '1970-01-01') AS s, s + INTERVAL '5 minutes', max(n), sum(n), count(*)
FROM (SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS m, category, count(*) AS n FROM orders WHERE t IS NOT NULL GROUP BY m, category)
GROUP BY s
