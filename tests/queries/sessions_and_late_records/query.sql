-- Gap 10 s, no delay. batch 1: a 0 s, b 15 s -> watermark 15 s: a's session [0, 10) is final.
-- batch 2: a 3 s would be in [3, 13), which is final: late. a 6 s: [6, 16) is open, a session of its own.
-- batch 3: b 22 s extends b's session to [15, 32); watermark 22 s: a's [6, 16) is final. batch 4: c 60 s.
SELECT session_window.start AS session_start, session_window.end AS session_end, user_id, count(*) AS n
FROM clicks
GROUP BY session_window(t, '10 seconds'), user_id
