SELECT s, count(DISTINCT user_id), count(DISTINCT quantity), count(DISTINCT address.city), count(*)
FROM orders JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-03-01 09:50', TIMESTAMP '2025-03-01 11:10', INTERVAL '1 minute')) AS s) AS w
  ON t >= s AND t < s + INTERVAL '3 minutes'
GROUP BY s
