SELECT DISTINCT user_id, page, t FROM clicks
