SELECT t.user_id, t.transaction_id, t.timestamp, price * quantity - coalesce(discount_applied, 0), e.event_id, e.event_type, e.page_url, e.timestamp
FROM transactions t JOIN "user-events" e
  ON t.user_id = e.user_id AND e.timestamp BETWEEN t.timestamp - INTERVAL 2 MINUTES AND t.timestamp + INTERVAL 2 MINUTES
