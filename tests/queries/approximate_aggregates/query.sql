SELECT window.start AS window_start, approx_count_distinct(user_id) AS users
FROM orders
GROUP BY window(t, '5 minutes')
