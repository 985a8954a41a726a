SELECT order_id, abs(points), sqrt(abs(amount)), quantity * quantity * quantity, floor(amount), ceil(amount), exp(quantity), ln(quantity),
       points % 7, trunc(amount)::INT, -quantity
FROM orders
