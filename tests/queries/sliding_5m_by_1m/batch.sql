SELECT s, s + INTERVAL '5 minutes', category, count(*), sum(amount), min(points), max(points)
FROM orders JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-03-01 09:50', TIMESTAMP '2025-03-01 11:10', INTERVAL '1 minute')) AS s) AS w
  ON t >= s AND t < s + INTERVAL '5 minutes'
GROUP BY ALL
