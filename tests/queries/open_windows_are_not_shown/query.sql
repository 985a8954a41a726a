-- Without --flush-at-end: the watermark is 10:05:00 - 2 min = 10:03:00. [10:02, 10:03) is final, [10:03, 10:04) is not.
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM clicks
GROUP BY window(t, '1 minute')
