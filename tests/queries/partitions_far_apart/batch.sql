SELECT time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01') AS s, _partition, count(*)
FROM clicks GROUP BY ALL
