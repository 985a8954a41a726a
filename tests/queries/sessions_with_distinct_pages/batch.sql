SELECT min(t), user_id, count(DISTINCT page), array_agg(page ORDER BY t, click_id)
FROM (SELECT *, sum(begins) OVER (PARTITION BY user_id ORDER BY t, click_id) AS session
      FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY user_id ORDER BY t, click_id) <= INTERVAL '1 minute' THEN 0 ELSE 1 END AS begins
            FROM clicks WHERE t IS NOT NULL))
GROUP BY user_id, session
