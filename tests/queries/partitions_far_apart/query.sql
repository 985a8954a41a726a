SELECT window.start AS window_start, _partition AS part, count(*) AS n
FROM clicks
GROUP BY window(t, '1 minute'), _partition
