-- Groups of one window end together: with a delay of 0 s, user a's 61 s ends [0, 60) for user b as well.
-- batch 1: a 10 s, b 20 s; batch 2: a 61 s -> [0, 60) is final; batch 3: b 30 s and c 40 s are late
SELECT window.start AS window_start, user_id, count(*) AS n
FROM clicks
GROUP BY window(t, '1 minute'), user_id
