SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, category, array_agg(order_id ORDER BY amount DESC NULLS LAST, order_id),
       first(order_id ORDER BY t), last(order_id ORDER BY t)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
