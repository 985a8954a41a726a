SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, regr_slope(amount, quantity), regr_count(amount, quantity)
FROM orders WHERE t IS NOT NULL GROUP BY s HAVING count(*) > 10
