-- The watermark is 5 s behind the newest record of the batches before.
-- batch 1: 1 s, 14.999 s   -> watermark 9.999 s: [0, 10) is still open
-- batch 2: 2 s             -> counted in [0, 10)
-- batch 3: 15 s            -> watermark 10 s: [0, 10) is final, with 1 s and 2 s
-- batch 4: 9.999 s, 10 s   -> 9.999 s is late; 10 s is not, [10, 20) is open
SELECT window.start AS window_start, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds')
