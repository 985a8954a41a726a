SELECT 'order', order_id, amount, t FROM orders WHERE amount > 100
UNION ALL
SELECT 'payment', payment_id, paid, t FROM payments WHERE method = 'card'
