SELECT min(t), user_id, count(*), count(*) FILTER (WHERE page = 'cart'), max(CASE WHEN page = 'pay' THEN 1 ELSE 0 END), avg(millis)
FROM (SELECT *, sum(begins) OVER (PARTITION BY user_id ORDER BY t, click_id) AS session
      FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY user_id ORDER BY t, click_id) <= INTERVAL '2 minutes' THEN 0 ELSE 1 END AS begins
            FROM clicks WHERE t IS NOT NULL))
GROUP BY user_id, session HAVING count(*) > 2
