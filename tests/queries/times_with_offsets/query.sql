-- 12:00:05+02:00 and 05:30:05-04:30 are 10:00:05 in UTC; a text without an offset is UTC.
SELECT window.start AS window_start, count(*) AS n, min(t) AS earliest
FROM clicks
GROUP BY window(t, '1 minute')
