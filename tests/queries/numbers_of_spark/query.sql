SELECT order_id, quantity DIV 2 AS whole, points % 7 AS rest, pmod(points, 7) AS positive, round(amount, 1) AS r1, ceil(amount) AS up, floor(amount) AS down,
       sign(amount) AS sgn, amount / 0.5e0 AS doubled, log10(quantity) AS lg, log2(quantity) AS l2, cbrt(quantity) AS c, abs(-quantity) AS a,
       quantity * 1.5e0 AS more, -amount AS negative, mod(quantity, 2) AS m, radians(quantity) AS rad, pi() AS p
FROM orders
