SELECT window.start AS window_start, window.end AS window_end, category_name, count(*) AS sales, sum(total_amount) AS revenue, avg(total_amount) AS average_sale
FROM transactions
GROUP BY window(timestamp, '5 minutes', '1 minute'), category_name
