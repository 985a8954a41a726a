SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, corr(amount, points), covar_pop(amount, points), covar_samp(amount, points)
FROM orders WHERE t IS NOT NULL
GROUP BY s
HAVING count(*) > 3
