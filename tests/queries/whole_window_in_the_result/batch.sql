SELECT {'start': s, 'end': s + INTERVAL '5 minutes'}, n
FROM (SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*) AS n FROM orders WHERE t IS NOT NULL GROUP BY s)
