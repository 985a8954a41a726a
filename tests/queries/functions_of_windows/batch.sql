SELECT strftime(s, '%H:%M'), strftime(s + INTERVAL 5 MINUTE, '%H:%M'), hour(s), 'w' || minute(s), n
FROM (SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*) AS n FROM orders WHERE t IS NOT NULL GROUP BY s)
