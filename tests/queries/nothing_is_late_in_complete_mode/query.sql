-- As above, in complete mode: all windows are kept and shown, and the record of 8 s is counted. Spark keeps
-- the state of all windows too, and drops nothing.
SELECT window.start AS window_start, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds')
