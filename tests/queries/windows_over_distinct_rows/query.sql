SELECT window.start AS window_start, user_id, count(*) AS n
FROM (SELECT DISTINCT user_id, page, t FROM clicks) AS once
GROUP BY window(t, '5 seconds'), user_id
