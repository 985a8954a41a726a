SELECT window.start AS window_start, window.end AS window_end, category, count(*) AS n, count(amount) AS amounts,
       sum(amount) AS revenue, avg(amount) AS average, min(amount) AS least, max(amount) AS most
FROM orders
GROUP BY window(t, '1 minute'), category
