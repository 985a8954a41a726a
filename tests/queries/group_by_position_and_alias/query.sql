SELECT window.start AS window_start, upper(category) AS kind, count(*) AS n
FROM orders
GROUP BY window(t, '5 minutes'), kind
