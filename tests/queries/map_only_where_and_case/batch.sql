SELECT order_id, upper(category), CASE WHEN amount > 150 THEN 'HIGH' WHEN amount IS NULL THEN 'UNKNOWN' ELSE 'LOW' END,
       round(amount * quantity, 1), coalesce(user_id, 'nobody'), length(category)
FROM orders
WHERE quantity >= 2 OR express
