SELECT o.order_id, p.payment_id, o.amount, p.paid, o.t, p.t FROM (SELECT * FROM orders WHERE t IS NOT NULL) o LEFT JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 2 MINUTES AND o.amount > 50
