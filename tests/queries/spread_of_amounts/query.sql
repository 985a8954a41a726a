SELECT window.start AS window_start, category, stddev(amount) AS deviation, stddev_pop(amount) AS deviation_pop,
       var_samp(amount) AS variance, var_pop(amount) AS variance_pop
FROM orders
GROUP BY window(t, '2 minutes'), category
