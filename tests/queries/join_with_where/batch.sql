SELECT o.order_id, p.method, o.amount - p.paid FROM orders o JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 2 MINUTES
WHERE o.category <> 'music' AND p.paid > 20
