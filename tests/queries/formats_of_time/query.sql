SELECT order_id, date_format(t, 'yyyy-MM-dd HH:mm:ss') AS iso, date_format(t, 'dd/MM/yy') AS short, date_format(t, 'HH') AS h,
       date_format(t, 'yyyy-MM-dd') AS d, unix_timestamp(t) AS epoch, unix_millis(t) AS millis, from_unixtime(1740823205) AS fixed,
       datediff(t, DATE '2025-01-01') AS days
FROM orders
