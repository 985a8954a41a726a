SELECT window.start AS window_start, sum(amount) / count(*) AS per_order, round(max(amount) * 1.23456, 2) AS gross,
       coalesce(sum(amount) FILTER (WHERE quantity = 5), 0.0) AS five, max(amount) - min(amount) AS spread
FROM orders
GROUP BY window(t, '1 minute')
