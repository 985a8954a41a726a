SELECT window.start AS window_start, count(*) AS n
FROM orders
GROUP BY window(t, '1 minute')
HAVING window.start >= TIMESTAMP '2025-03-01 10:05:00' AND window.end < TIMESTAMP '2025-03-01 10:15:00'
