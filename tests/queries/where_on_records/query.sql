SELECT window.start AS window_start, count(*) AS n
FROM orders
WHERE amount BETWEEN 20 AND 150 AND category IN ('books', 'music') AND NOT (user_id LIKE 'u0%' OR express)
GROUP BY window(t, '5 minutes')
