SELECT s, s + INTERVAL '10 seconds', count(*), sum(final_amount), avg(final_amount), count(DISTINCT customer_id),
       min(batch_number), max(batch_number)
FROM "customer-transactions"
JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-03-01 09:59:00', TIMESTAMP '2025-03-01 10:20:00', INTERVAL '5 seconds')) AS s) AS w
  ON _timestamp >= s AND _timestamp < s + INTERVAL '10 seconds'
GROUP BY s
