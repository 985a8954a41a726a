SELECT order_id, locate('s', category) AS s_at, bround(2.5e0) AS even FROM orders
