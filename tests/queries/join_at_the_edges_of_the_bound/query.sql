-- BETWEEN has both ends: order 1 of 10:00:00 takes clicks from 09:59:00 to 10:00:30, order 2 from 10:00:00 to 10:01:30.
-- click a: 09:59:00 -> 1; b: 09:58:59.999999 -> none; c: 10:00:30 -> 1 and 2; d: 10:00:30.000001 -> 2; e: 10:01:30 -> 2;
-- f: 10:01:30.001 -> none. Order 3 has no user and joins nothing, not even a click without a user (g).
SELECT o.order_id AS order_id, c.click_id AS click_id
FROM orders o JOIN clicks c
  ON o.user_id = c.user_id AND c.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 30 SECONDS
