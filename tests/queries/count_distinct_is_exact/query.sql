SELECT window.start AS window_start, category, count(DISTINCT user_id) AS users, count(DISTINCT quantity) AS quantities
FROM orders
GROUP BY window(t, '5 minutes'), category
