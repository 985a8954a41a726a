SELECT order_id, [quantity, quantity + 1], 2, {'user_id': user_id, 'quantity': quantity}, map_keys(labels),
       category IN ('books', 'music'), 2, address.geo
FROM orders
