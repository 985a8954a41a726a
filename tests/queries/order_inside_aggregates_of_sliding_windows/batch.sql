SELECT s, string_agg(order_id, ',' ORDER BY t DESC)
FROM orders JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-03-01 09:50', TIMESTAMP '2025-03-01 11:10', INTERVAL '30 seconds')) AS s) AS w
  ON t >= s AND t < s + INTERVAL '2 minutes'
GROUP BY s
