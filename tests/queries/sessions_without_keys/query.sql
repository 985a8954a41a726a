SELECT session_window.start AS session_start, session_window.end AS session_end, count(*) AS n, max(millis) AS slowest
FROM clicks
GROUP BY session_window(t, '5 seconds')
