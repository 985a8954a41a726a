-- Windows of 10 s every 5 s, no delay.
-- batch 1: 12 s -> in [5, 15) and [10, 20); watermark 12 s: what ends by 12 s is final
-- batch 2: 7 s  -> of [0, 10) and [5, 15) only the second is open: counted there once, not late
-- batch 3: 4.9 s -> of [-5, 5) and [0, 10) none is open: late
-- batch 4: 15 s -> in [10, 20) and [15, 25); watermark 15 s: [5, 15) is final with 12 s and 7 s
-- batch 5: 14 s -> of [5, 15) and [10, 20) only the second is open
-- batch 6: 60 s -> closes the rest
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n, max(millis) AS most
FROM clicks
GROUP BY window(t, '10 seconds', '5 seconds')
