SELECT order_id, user_id, t FROM orders o
WHERE t IS NOT NULL AND NOT EXISTS (FROM clicks c WHERE o.user_id = c.user_id AND c.t BETWEEN o.t - INTERVAL 30 SECONDS AND o.t)
