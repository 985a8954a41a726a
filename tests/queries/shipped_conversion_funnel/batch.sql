SELECT s, s + INTERVAL 1 HOUR, viewed, carted, checked_out, purchased, CASE WHEN viewed > 0 THEN purchased / viewed END
FROM (SELECT time_bucket(INTERVAL 1 HOUR, timestamp, TIMESTAMP '1970-01-01') AS s,
             count(DISTINCT session_id) FILTER (WHERE event_type = 'view') AS viewed, count(DISTINCT session_id) FILTER (WHERE event_type = 'cart') AS carted,
             count(DISTINCT session_id) FILTER (WHERE event_type = 'checkout') AS checked_out, count(DISTINCT session_id) FILTER (WHERE event_type = 'purchase') AS purchased
      FROM "user-events" GROUP BY s)
