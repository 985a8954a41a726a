-- Sums of BIGINT near the bounds; doubles with exponents, the smallest one and minus zero.
SELECT window.start AS window_start, category, sum(points) AS points, min(points) AS least, max(points) AS most,
       sum(amount) AS amount, max(quantity) AS quantity
FROM orders
GROUP BY window(t, '1 minute'), category
