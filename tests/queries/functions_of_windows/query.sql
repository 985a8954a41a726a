SELECT date_format(window.start, 'HH:mm') AS from_time, date_format(window.end, 'HH:mm') AS to_time, hour(window.start) AS h,
       concat('w', minute(window.start)) AS name, count(*) AS n
FROM orders
GROUP BY window(t, '5 minutes')
