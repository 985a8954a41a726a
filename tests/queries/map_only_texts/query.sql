SELECT order_id, concat(order_id, '/', quantity) AS path, substring(order_id, 2, 2) AS middle, replace(category, 'o', '0') AS replaced,
       trim(category || '  ') AS trimmed, lpad(user_id, 6, '*') AS padded, reverse(order_id) AS reversed,
       begins AS begins
FROM (SELECT *, category LIKE 'b%' AS begins FROM orders)
