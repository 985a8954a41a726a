SELECT DISTINCT click_id, t, user_id FROM clicks
