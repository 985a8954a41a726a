SELECT window.start AS window_start, user_id, category, express, quantity, count(*) AS n, sum(points) AS points
FROM orders
GROUP BY window(t, '10 minutes'), user_id, category, express, quantity
