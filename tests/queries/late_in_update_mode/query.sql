-- No delay. batch 1: 5 s, 9 s -> [0, 10) shows 2; batch 2: 10 s -> [0, 10) is final; batch 3: 8 s is late, 11 s is not.
SELECT window.start AS window_start, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds')
