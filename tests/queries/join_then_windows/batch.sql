SELECT time_bucket(INTERVAL '5 minutes', o.t, TIMESTAMP '1970-01-01') AS s, o.category, count(*), sum(p.paid)
FROM orders o JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t - INTERVAL 1 MINUTES AND o.t + INTERVAL 2 MINUTES
GROUP BY ALL
