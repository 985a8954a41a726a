SELECT order_id, year(t) AS y, month(t) AS mo, day(t) AS d, hour(t) AS h, minute(t) AS mi, second(t) AS s, dayofweek(t) AS dow,
       weekday(t) AS wd, dayofyear(t) AS doy, quarter(t) AS q, weekofyear(t) AS w, date_trunc('hour', t) AS hour_start,
       to_date(t) AS date_of, t + INTERVAL 90 MINUTES AS later, t - INTERVAL 1 DAY AS before
FROM orders
