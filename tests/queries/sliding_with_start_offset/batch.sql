SELECT s, express, count(*), max(amount)
FROM orders JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-03-01 09:50:07', TIMESTAMP '2025-03-01 11:10:07', INTERVAL '30 seconds')) AS s) AS w
  ON t >= s AND t < s + INTERVAL '90 seconds'
GROUP BY ALL
