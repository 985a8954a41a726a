SELECT order_id, year(t), month(t), day(t), hour(t), minute(t), second(t), dayofweek(t) + 1, isodow(t) - 1, dayofyear(t), quarter(t), weekofyear(t),
       date_trunc('hour', t), t::DATE, t + INTERVAL 90 MINUTES, t - INTERVAL 1 DAY
FROM orders
