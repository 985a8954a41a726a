SELECT window.start AS window_start, o.category AS category, count(*) AS n, sum(p.paid) AS paid
FROM orders o JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 2 MINUTES
GROUP BY window(o.t, '5 minutes'), o.category
