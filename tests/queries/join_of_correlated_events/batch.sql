SELECT o.order_id, c.click_id, c.page, o.user_id FROM orders o JOIN clicks c
  ON o.user_id = c.user_id AND c.t >= o.t - INTERVAL 2 MINUTES AND c.t <= o.t + INTERVAL 2 MINUTES
