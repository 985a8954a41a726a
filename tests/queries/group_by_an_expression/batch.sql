SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s,
       CASE WHEN amount >= 100 THEN 'large' WHEN amount >= 0 THEN 'small' ELSE 'none' END AS size, quantity % 2 AS odd, count(*)
FROM orders WHERE t IS NOT NULL
GROUP BY s, size, odd
