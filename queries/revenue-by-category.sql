-- Revenue by category, over 5 minutes, every minute, on the time of the sale.
SELECT window.start AS window_start,
       window.end AS window_end,
       category_name,
       count(*) AS sales,
       sum(total_amount) AS revenue,
       avg(total_amount) AS average_sale,
       count(DISTINCT user_id) AS customers
FROM transactions
GROUP BY window(timestamp, '5 minutes', '1 minute'), category_name
