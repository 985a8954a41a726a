SELECT time_bucket(INTERVAL '30 seconds', t), user_id, count(*), max(millis), sum(millis), avg(millis)
FROM clicks
WHERE t IS NOT NULL
GROUP BY ALL
