SELECT time_bucket(INTERVAL '10 minutes', timestamp, TIMESTAMP '1970-01-01') AS s, user_location.state, device_info.type AS device, count(*),
       count(marketing_attribution.campaign_id), avg(user_location.latitude)
FROM transactions
WHERE marketing_attribution.channel <> 'direct' OR device_info.os IS NOT NULL
GROUP BY ALL
