-- Gap 10 s. User a: 0 s, 10 s (exactly the gap later: the same session), 20.001 s (more: another one).
-- User b: 5 s alone.
SELECT session_window.start AS session_start, session_window.end AS session_end, user_id, count(*) AS n
FROM clicks
GROUP BY session_window(t, '10 seconds'), user_id
