SELECT 'order' AS kind, order_id AS id, amount AS value, t FROM orders WHERE amount > 100
UNION ALL
SELECT 'payment' AS kind, payment_id AS id, paid AS value, t FROM payments WHERE method = 'card'
