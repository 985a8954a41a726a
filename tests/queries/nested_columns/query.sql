SELECT window.start AS window_start, address.city AS city, count(address.geo.lat) AS located, max(address.geo.lat) AS north,
       sum(address.geo.lon) AS lon
FROM orders
GROUP BY window(t, '5 minutes'), address.city
