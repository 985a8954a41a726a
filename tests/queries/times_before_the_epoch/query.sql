-- Windows are aligned to the epoch on both sides of it: they start at …:45, …:50 and …:55 before it as behind it.
-- a: 23:59:54.999 -> [:45, :55), [:50, :00). b: 23:59:55, the end of the first -> [:50, :00), [:55, :05).
-- c: 00:00:00, the epoch -> [:55, :05), [:00, :10). d: 00:01:00 -> [00:00:55, 00:01:05), [00:01:00, 00:01:10).
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM clicks
GROUP BY window(t, '10 seconds', '5 seconds')
