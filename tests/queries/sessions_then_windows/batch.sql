SELECT time_bucket(INTERVAL '10 minutes', ended - INTERVAL '1 microsecond', TIMESTAMP '1970-01-01') AS s, count(*), sum(n), max(n)
FROM (SELECT max(t) + INTERVAL '1 minute' AS ended, count(*) AS n FROM (SELECT *, sum(begins) OVER (PARTITION BY user_id ORDER BY t, click_id) AS session
      FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY user_id ORDER BY t, click_id) <= INTERVAL '1 minute' THEN 0 ELSE 1 END AS begins
            FROM clicks WHERE t IS NOT NULL)) GROUP BY user_id, session)
GROUP BY s
