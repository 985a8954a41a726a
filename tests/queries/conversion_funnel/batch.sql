SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, count(*) FILTER (WHERE page = 'home'), count(*) FILTER (WHERE page = 'item'),
       count(*) FILTER (WHERE page = 'cart'), count(*) FILTER (WHERE page = 'pay'), count(*) FILTER (WHERE page = 'pay') / count(*)
FROM clicks GROUP BY s
