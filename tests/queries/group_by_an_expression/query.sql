SELECT window.start AS window_start,
       CASE WHEN amount >= 100 THEN 'large' WHEN amount >= 0 THEN 'small' ELSE 'none' END AS size,
       quantity % 2 AS odd, count(*) AS n
FROM orders
GROUP BY window(t, '5 minutes'), CASE WHEN amount >= 100 THEN 'large' WHEN amount >= 0 THEN 'small' ELSE 'none' END, quantity % 2
