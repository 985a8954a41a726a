SELECT order_id, size(split(category, 'o')) AS parts FROM orders
