SELECT order_id, strftime(t, '%Y-%m-%d %H:%M:%S'), strftime(t, '%d/%m/%y'), strftime(t, '%H'), strftime(t, '%Y-%m-%d'), epoch(t)::BIGINT - (CASE WHEN epoch(t)::BIGINT > epoch(t) THEN 1 ELSE 0 END),
       epoch_ms(t), '2025-03-01 10:00:05', datediff('day', DATE '2025-01-01', t::DATE)
FROM orders
