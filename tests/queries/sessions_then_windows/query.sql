SELECT window.start AS window_start, count(*) AS sessions, sum(n) AS clicks, max(n) AS longest
FROM (SELECT session_window(t, '1 minute') AS visit, user_id, count(*) AS n FROM clicks GROUP BY session_window(t, '1 minute'), user_id) AS visits
GROUP BY window(visit, '10 minutes')
