SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, address.city, count(address.geo.lat), max(address.geo.lat), sum(address.geo.lon)
FROM orders WHERE t IS NOT NULL
GROUP BY s, address.city
