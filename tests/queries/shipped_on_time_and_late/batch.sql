SELECT time_bucket(INTERVAL 5 MINUTE, timestamp, TIMESTAMP '1970-01-01') AS s, s + INTERVAL 5 MINUTE,
       coalesce(sum(a) FILTER (WHERE NOT late), 0), coalesce(sum(a) FILTER (WHERE late), 0), bool_or(late)
FROM (SELECT timestamp, price * quantity - coalesce(discount_applied, 0) AS a, _timestamp > timestamp + INTERVAL 5 MINUTES AS late FROM transactions)
GROUP BY s
