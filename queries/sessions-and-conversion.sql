-- Each user's sessions: they end half an hour after the last event. How far did they come, and did they buy?
SELECT user_id,
       session_window.start AS session_start,
       max(timestamp) AS session_end,
       timestampdiff(SECOND, session_window.start, max(timestamp)) AS session_seconds,
       count(*) AS events,
       count(*) FILTER (WHERE event_type = 'view') AS views,
       count(*) FILTER (WHERE event_type = 'cart') AS carts,
       count(*) FILTER (WHERE event_type = 'checkout') AS checkouts,
       count(*) FILTER (WHERE event_type = 'purchase') AS purchases,
       count(*) FILTER (WHERE event_type = 'purchase') > 0 AS converted
FROM `user-events`
WHERE user_id IS NOT NULL
GROUP BY session_window(timestamp, '30 minutes'), user_id
