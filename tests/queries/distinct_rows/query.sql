-- Equal rows come once: the time is a part of them, so that a row can be forgotten when the watermark has passed it.
SELECT DISTINCT user_id, page, t
FROM clicks
