SELECT t.transaction_id, t.user_id, t.session_id, t.product_id, price * quantity - coalesce(discount_applied, 0), t.timestamp
FROM transactions t
WHERE NOT EXISTS (FROM "user-events" v WHERE t.session_id = v.session_id AND v.event_type = 'view'
  AND v.timestamp BETWEEN t.timestamp - INTERVAL 30 MINUTES AND t.timestamp)
