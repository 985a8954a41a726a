SELECT window.start AS window_start, count(*) AS windows, sum(n) AS n
FROM (SELECT window AS minute, user_id, count(*) AS n FROM orders GROUP BY window(t, '1 minute'), user_id) AS minutes
GROUP BY window(window_time(minute), '3 minutes')
