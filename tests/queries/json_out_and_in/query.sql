SELECT order_id, to_json(named_struct('id', order_id, 'amount', amount, 'user', user_id)) AS json,
       get_json_object('{"a":{"b":[1,2]}}', '$.a.b[1]') AS second
FROM orders
