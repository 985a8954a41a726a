SELECT order_id, instr(category, 's'), 2.0 FROM orders
