SELECT window.start AS window_start, min(category) AS first_category, max(user_id) AS last_user, min(t) AS earliest, max(t) AS latest
FROM orders
GROUP BY window(t, '2 minutes')
