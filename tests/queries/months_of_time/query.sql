SELECT order_id, add_months(t, 1) AS next_month, last_day(t) AS last FROM orders
