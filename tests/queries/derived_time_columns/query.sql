SELECT window.start AS window_start, hour_of_day, day_of_week, count(*) AS n
FROM transactions
GROUP BY window(timestamp, '10 minutes'), hour_of_day, day_of_week
