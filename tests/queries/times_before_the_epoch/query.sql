SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds', '5 seconds')
