SELECT order_id, abs(points) AS absolute, sqrt(abs(amount)) AS root, power(quantity, 3) AS cube, floor(amount) AS below, ceil(amount) AS above,
       exp(quantity) AS e, ln(quantity) AS l, points % 7 AS rest, CAST(amount AS INT) AS whole, -quantity AS minus
FROM orders
