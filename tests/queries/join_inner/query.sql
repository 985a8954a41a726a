SELECT o.order_id AS order_id, p.payment_id AS payment_id, o.amount AS amount, p.paid AS paid, o.t AS ordered, p.t AS paid_at
FROM (SELECT * FROM orders WHERE t IS NOT NULL) o JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 2 MINUTES
