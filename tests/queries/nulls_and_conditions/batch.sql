SELECT order_id, coalesce(user_id, '?'), coalesce(amount, -1.0), nullif(quantity, 3), CASE WHEN express THEN 'fast' ELSE 'slow' END,
       user_id IS NOT DISTINCT FROM category, greatest(quantity, 3), CASE WHEN amount IS NULL OR amount > 50 THEN 50 ELSE amount END, amount IS NULL, express IS DISTINCT FROM TRUE,
       CASE quantity WHEN 1 THEN 'one' WHEN 2 THEN 'two' END
FROM orders
