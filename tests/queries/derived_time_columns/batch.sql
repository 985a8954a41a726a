SELECT time_bucket(INTERVAL '10 minutes', timestamp, TIMESTAMP '1970-01-01') AS s, hour(timestamp), dayofweek(timestamp) + 1, count(*)
FROM transactions GROUP BY ALL
