-- How many sessions come to each step within an hour, and which share of those who looked bought.
SELECT window_start,
       window_end,
       viewed,
       carted,
       checked_out,
       purchased,
       CASE WHEN viewed > 0 THEN purchased / viewed END AS conversion
FROM (SELECT window.start AS window_start,
             window.end AS window_end,
             count(DISTINCT CASE WHEN event_type = 'view' THEN session_id END) AS viewed,
             count(DISTINCT CASE WHEN event_type = 'cart' THEN session_id END) AS carted,
             count(DISTINCT CASE WHEN event_type = 'checkout' THEN session_id END) AS checked_out,
             count(DISTINCT CASE WHEN event_type = 'purchase' THEN session_id END) AS purchased
      FROM `user-events`
      GROUP BY window(timestamp, '1 hour'))
