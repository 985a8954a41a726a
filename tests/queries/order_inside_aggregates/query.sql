SELECT window.start AS window_start, category, array_agg(order_id ORDER BY amount DESC NULLS LAST, order_id) AS orders,
       first_value(order_id ORDER BY t) AS first_order, last_value(order_id ORDER BY t) AS last_order
FROM orders
GROUP BY window(t, '5 minutes'), category
