SELECT o.order_id AS order_id, o.user_id AS user_id, o.t AS ordered
FROM orders o LEFT JOIN clicks c
  ON o.user_id = c.user_id AND c.t BETWEEN o.t - INTERVAL 30 SECONDS AND o.t
WHERE c.click_id IS NULL AND o.t IS NOT NULL
