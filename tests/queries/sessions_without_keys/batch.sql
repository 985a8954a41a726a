SELECT min(t), max(t) + INTERVAL '5 seconds', count(*), max(millis)
FROM (SELECT *, sum(begins) OVER (ORDER BY t, click_id) AS session
      FROM (SELECT *, CASE WHEN t - lag(t) OVER (ORDER BY t, click_id) <= INTERVAL '5 seconds' THEN 0 ELSE 1 END AS begins
            FROM clicks WHERE t IS NOT NULL))
GROUP BY session
