SELECT window.start AS window_start, kind, count(*) AS n, sum(value) AS value
FROM (SELECT 'order' AS kind, amount AS value, t FROM orders UNION ALL SELECT 'payment' AS kind, paid AS value, t FROM payments) AS both
GROUP BY window(t, '5 minutes'), kind
