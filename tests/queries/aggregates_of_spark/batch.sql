SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, category, count_if(amount > 100), bool_or(express), bool_and(quantity > 0),
       max_by(order_id, t), min_by(order_id, t), list_sort(list(DISTINCT quantity)), count(*), category, avg(amount), var_samp(amount), stddev(amount)
FROM orders WHERE t IS NOT NULL GROUP BY s, category
