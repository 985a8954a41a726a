SELECT window.start AS window_start, express, count(*) AS n, max(amount) AS most
FROM orders
GROUP BY window(t, '90 seconds', '30 seconds', '7 seconds'), express
