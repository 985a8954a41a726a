SELECT window.start AS window_start, window.end AS window_end, max(n) AS busiest, sum(n) AS n, count(*) AS minutes
FROM (SELECT window(t, '1 minute') AS minute, category, count(*) AS n FROM orders GROUP BY window(t, '1 minute'), category) AS minutes
GROUP BY window(minute, '5 minutes')
