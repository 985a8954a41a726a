SELECT order_id, array(quantity, quantity + 1) AS pair, size(split(order_id, 'o')) AS parts, struct(user_id, quantity) AS who, map_keys(labels) AS names,
       array_contains(array('books', 'music'), category) AS printed, element_at(array(1, 2, 3), 2) AS two, address.geo AS geo
FROM orders
