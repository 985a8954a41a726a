SELECT window.start AS window_start, corr(amount, points) AS r, covar_pop(amount, points) AS covariance,
       covar_samp(amount, points) AS covariance_samp
FROM orders
GROUP BY window(t, '5 minutes')
HAVING count(*) > 3
