SELECT window.start AS window_start, window.end AS window_end, category, count(*) AS n, sum(amount) AS revenue,
       min(points) AS least, max(points) AS most
FROM orders
GROUP BY window(t, '5 minutes', '1 minute'), category
