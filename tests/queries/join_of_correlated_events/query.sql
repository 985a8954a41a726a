SELECT o.order_id AS order_id, c.click_id AS click_id, c.page AS page, o.user_id AS user_id
FROM orders o JOIN clicks c
  ON o.user_id = c.user_id AND c.t >= o.t - INTERVAL 2 MINUTES AND c.t <= o.t + INTERVAL 2 MINUTES
