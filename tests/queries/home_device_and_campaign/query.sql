SELECT window.start AS window_start, user_location.state AS state, device_info.type AS device, count(*) AS n,
       count(marketing_attribution.campaign_id) AS with_campaign, avg(user_location.latitude) AS latitude
FROM transactions
WHERE marketing_attribution.channel <> 'direct' OR device_info.os IS NOT NULL
GROUP BY window(timestamp, '10 minutes'), user_location.state, device_info.type
