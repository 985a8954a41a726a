SELECT order_id, quantity / 2 AS half, sum_of / 4 AS quarter
FROM (SELECT *, quantity + 1 AS sum_of FROM orders)
