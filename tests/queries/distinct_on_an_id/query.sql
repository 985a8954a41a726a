SELECT DISTINCT ON (click_id) click_id, t, user_id
FROM clicks
