-- [10:00:00.000, .250) has .000 and .2495; [.250, .500) has .250; the window of 1.001 s starts at 1.000 s.
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n, min(t) AS earliest
FROM clicks
GROUP BY window(t, '250 milliseconds')
