SELECT s, s + INTERVAL '5 minutes', category_name, count(*), sum(price * quantity - coalesce(discount_applied, 0)), avg(price * quantity - coalesce(discount_applied, 0)), count(DISTINCT user_id)
FROM transactions
JOIN (SELECT unnest(generate_series(TIMESTAMP '2025-07-27 09:50', TIMESTAMP '2025-07-27 10:40', INTERVAL 1 MINUTE)) AS s) AS w
  ON timestamp >= s AND timestamp < s + INTERVAL '5 minutes'
GROUP BY s, category_name
