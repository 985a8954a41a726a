SELECT window.start AS window_start, category, count(*) FILTER (WHERE amount > 100) AS large,
       sum(amount) FILTER (WHERE express) AS express_revenue, avg(quantity) FILTER (WHERE user_id IS NULL) AS anonymous
FROM orders
GROUP BY window(t, '2 minutes'), category
