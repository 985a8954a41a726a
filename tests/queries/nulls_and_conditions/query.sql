SELECT order_id, nvl(user_id, '?') AS u, ifnull(amount, -1.0e0) AS a, nullif(quantity, 3) AS not_three, if(express, 'fast', 'slow') AS speed,
       user_id <=> category AS same, greatest(quantity, 3) AS g, least(amount, 50.0e0) AS l, amount IS NULL AS missing, express IS NOT TRUE AS not_fast,
       CASE quantity WHEN 1 THEN 'one' WHEN 2 THEN 'two' END AS word
FROM orders
