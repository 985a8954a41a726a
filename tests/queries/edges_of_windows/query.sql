-- Windows are half open: 10:00:10 is in [10, 20) and not in [0, 10); a microsecond before it is in [0, 10).
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds')
