SELECT time_bucket(INTERVAL '2 minutes', t, TIMESTAMP '1970-01-01') AS s, category, count(*) FILTER (WHERE amount > 100),
       sum(amount) FILTER (WHERE express), avg(quantity) FILTER (WHERE user_id IS NULL)
FROM orders WHERE t IS NOT NULL
GROUP BY s, category
