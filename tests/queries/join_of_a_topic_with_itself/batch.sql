SELECT a.click_id, b.click_id, a.user_id FROM clicks a JOIN clicks b
  ON a.user_id = b.user_id AND a.page = 'cart' AND b.page = 'pay' AND b.t > a.t AND b.t < a.t + INTERVAL 1 MINUTES
