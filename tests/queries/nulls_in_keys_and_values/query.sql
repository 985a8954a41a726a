-- Null is a group of its own; aggregates pass over nulls, and of nothing but nulls they are null; count is 0.
-- The record without a time is in no window.
SELECT window.start AS window_start, user_id, count(*) AS n, count(millis) AS some, sum(millis) AS total, avg(millis) AS average, max(page) AS page
FROM clicks
GROUP BY window(t, '1 minute'), user_id
