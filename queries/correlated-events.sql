-- What a customer did around a purchase: events and transactions of one customer within 2 minutes of each
-- other.
SELECT t.user_id,
       t.transaction_id,
       t.timestamp AS transaction_time,
       t.total_amount,
       e.event_id,
       e.event_type,
       e.page_url,
       e.timestamp AS event_time
FROM transactions t
JOIN `user-events` e
  ON t.user_id = e.user_id
 AND e.timestamp BETWEEN t.timestamp - INTERVAL 2 MINUTES AND t.timestamp + INTERVAL 2 MINUTES
