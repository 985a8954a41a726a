-- The newest record, of 10:05:00, is not counted, but it is what the watermark is taken of: [10:00, 10:01) is final.
-- (Its window has no row, as nothing that is counted is in it.)
SELECT window.start AS window_start, count(*) AS n
FROM clicks
WHERE page = 'home'
GROUP BY window(t, '1 minute')
