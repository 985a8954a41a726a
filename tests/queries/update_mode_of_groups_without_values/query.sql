SELECT window.start AS window_start, user_id, count(*) AS n, max(millis) AS slowest, sum(millis) AS total, avg(millis) AS mean
FROM clicks
GROUP BY window(t, '30 seconds'), user_id
