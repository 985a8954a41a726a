-- 1740823205000 ms is 2025-03-01 10:00:05 UTC.
SELECT window.start AS window_start, count(*) AS n, max(t) AS latest
FROM clicks
GROUP BY window(t, '1 minute')
