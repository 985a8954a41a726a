SELECT order_id, concat_ws('-', user_id, category), string_split(order_id, 'o')[2], upper(category[1]) || category[2:],
       instr(category, 'o'), right(category, 3), left(category, 2), right(category, 2), rpad(order_id, 6, '.'),
       repeat(category, 2), translate(category, 'oe', '03'), category, category || '!', category, length(category), 111
FROM orders
