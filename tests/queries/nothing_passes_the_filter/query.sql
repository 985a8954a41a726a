-- No order has such an amount: there are no windows, and so no rows.
SELECT window.start AS window_start, count(*) AS n
FROM orders
WHERE amount > 1000000
GROUP BY window(t, '1 minute')
