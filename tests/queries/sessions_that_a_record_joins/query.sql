-- Gap 10 s. batch 1: 0 s and 15 s are two sessions; batch 2: 8 s lies within the gap of both, and they become
-- one of [0, 25); batch 3: -5 s begins it earlier; batch 4: 60 s closes it.
SELECT session_window.start AS session_start, session_window.end AS session_end, user_id, count(*) AS n, sum(millis) AS millis
FROM clicks
GROUP BY session_window(t, '10 seconds'), user_id
