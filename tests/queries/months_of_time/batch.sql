SELECT order_id, (t + INTERVAL 1 MONTH)::DATE, last_day(t) FROM orders
