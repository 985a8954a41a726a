-- Revenue that reached Kafka within 5 minutes of its sale, and revenue that came later. A window waits a quarter of
-- an hour for what is late.
-- watermark: 15m
SELECT window.start AS window_start,
       window.end AS window_end,
       sum(CASE WHEN late THEN 0e0 ELSE total_amount END) AS on_time_amount,
       sum(CASE WHEN late THEN total_amount ELSE 0e0 END) AS late_amount,
       max(CASE WHEN late THEN 1 ELSE 0 END) = 1 AS late_data_flag
FROM (SELECT timestamp, total_amount, _timestamp > timestamp + INTERVAL 5 MINUTES AS late FROM transactions)
GROUP BY window(timestamp, '5 minutes')
