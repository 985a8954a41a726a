-- Order 3 has no time, so no payment can be in its bound: it comes out unmatched.
SELECT o.order_id AS order_id, p.payment_id AS payment_id
FROM orders o LEFT JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t AND o.t + INTERVAL 1 MINUTES
