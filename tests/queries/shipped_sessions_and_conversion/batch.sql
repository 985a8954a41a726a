SELECT user_id, min(timestamp), max(timestamp), datesub('second', min(timestamp), max(timestamp)), count(*), count(*) FILTER (WHERE event_type = 'view'), count(*) FILTER (WHERE event_type = 'cart'),
       count(*) FILTER (WHERE event_type = 'checkout'), count(*) FILTER (WHERE event_type = 'purchase'), bool_or(event_type = 'purchase')
FROM (SELECT *, sum(begins) OVER (PARTITION BY user_id ORDER BY timestamp, event_id) AS session
      FROM (SELECT *, CASE WHEN timestamp - lag(timestamp) OVER (PARTITION BY user_id ORDER BY timestamp, event_id) <= INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS begins
            FROM "user-events"))
GROUP BY user_id, session
