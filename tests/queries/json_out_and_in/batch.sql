SELECT order_id, '{"id":"' || order_id || '"' || coalesce(',"amount":' || amount::VARCHAR, '') || coalesce(',"user":"' || user_id || '"', '') || '}', '2'
FROM orders
