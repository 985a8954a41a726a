SELECT window.start AS window_start, count(DISTINCT user_id) AS users, count(DISTINCT quantity) AS quantities,
       count(DISTINCT address.city) AS cities, count(*) AS n
FROM orders
GROUP BY window(t, '3 minutes', '1 minute')
