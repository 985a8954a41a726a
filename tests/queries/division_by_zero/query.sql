-- Of 3 items, the record cannot be evaluated: it is refused, and the others go on.
SELECT order_id, 6 / (quantity - 3) AS share FROM orders
