SELECT order_id, nvl2(category, 1, 0) AS has_category FROM orders
