-- Purchases whose session viewed nothing in the half hour before: bots, shared links, lost events. A row
-- comes out when no view can come any more.
SELECT t.transaction_id,
       t.user_id,
       t.session_id,
       t.product_id,
       t.total_amount,
       t.timestamp AS transaction_time
FROM transactions t
LEFT JOIN `user-events` v
  ON t.session_id = v.session_id
 AND v.event_type = 'view'
 AND v.timestamp BETWEEN t.timestamp - INTERVAL 30 MINUTES AND t.timestamp
WHERE v.event_id IS NULL
