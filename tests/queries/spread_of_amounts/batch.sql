SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, category, stddev(amount), stddev_pop(amount), var_samp(amount), var_pop(amount)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
