SELECT session_window.start AS session_start, user_id, count(*) AS clicks,
       count(*) FILTER (WHERE page = 'cart') AS carts, max(CASE WHEN page = 'pay' THEN 1 ELSE 0 END) AS converted, avg(millis) AS average
FROM clicks
GROUP BY session_window(t, '2 minutes'), user_id
HAVING count(*) > 2
