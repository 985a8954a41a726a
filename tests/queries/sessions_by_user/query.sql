SELECT session_window.start AS session_start, session_window.end AS session_end, user_id, count(*) AS n, sum(millis) AS millis,
       min(page) AS first_page
FROM clicks
GROUP BY session_window(t, '1 minute'), user_id
