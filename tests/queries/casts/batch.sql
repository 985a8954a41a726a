SELECT order_id, trunc(amount)::INT, quantity::VARCHAR, substring(order_id, 2)::BIGINT, quantity::DOUBLE, express::INT, TIMESTAMP '2025-03-01 10:00:00', t::DATE, points::VARCHAR, express::VARCHAR
FROM orders
