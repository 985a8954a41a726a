SELECT order_id, upper(category) AS category, CASE WHEN amount > 150 THEN 'HIGH' WHEN amount IS NULL THEN 'UNKNOWN' ELSE 'LOW' END AS level,
       round(amount * quantity, 1) AS value, coalesce(user_id, 'nobody') AS who, length(category) AS letters
FROM orders
WHERE quantity >= 2 OR express
