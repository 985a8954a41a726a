SELECT window.start AS window_start, count(*) AS n, count(DISTINCT user_id) AS users, max(amount) AS most
FROM orders
GROUP BY window(t, '4 minutes', '1 minute')
