SELECT min(t), max(t) + INTERVAL '1 minute', user_id, count(*), sum(millis), min(page)
FROM (SELECT *, sum(begins) OVER (PARTITION BY user_id ORDER BY t, click_id) AS session
      FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY user_id ORDER BY t, click_id) <= INTERVAL '1 minute' THEN 0 ELSE 1 END AS begins
            FROM clicks WHERE t IS NOT NULL))
GROUP BY user_id, session
