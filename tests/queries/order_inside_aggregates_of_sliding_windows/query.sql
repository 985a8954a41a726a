SELECT window.start AS window_start, string_agg(order_id, ',' ORDER BY t DESC) AS orders
FROM orders
GROUP BY window(t, '2 minutes', '30 seconds')
