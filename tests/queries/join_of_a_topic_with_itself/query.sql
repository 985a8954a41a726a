SELECT a.click_id AS first_click, b.click_id AS second_click, a.user_id AS user_id
FROM clicks a JOIN clicks b
  ON a.user_id = b.user_id AND a.page = 'cart' AND b.page = 'pay' AND b.t > a.t AND b.t < a.t + INTERVAL 1 MINUTES
