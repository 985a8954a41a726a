SELECT time_bucket(INTERVAL '5 seconds', t, TIMESTAMP '1970-01-01') AS s, user_id, count(*)
FROM (SELECT DISTINCT user_id, page, t FROM clicks) GROUP BY s, user_id
