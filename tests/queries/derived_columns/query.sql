SELECT window.start AS window_start, category, sum(total) AS total, count(*) FILTER (WHERE total > 300) AS large
FROM orders
GROUP BY window(t, '5 minutes'), category
