SELECT session_window.start AS session_start, user_id, count(DISTINCT page) AS pages, array_agg(page ORDER BY t, click_id) AS path
FROM clicks
GROUP BY session_window(t, '1 minute'), user_id
