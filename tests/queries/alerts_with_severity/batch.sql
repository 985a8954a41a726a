WITH high AS (
  SELECT user_id, 'HIGH_VALUE' AS alert_type, amount AS total, amount / 1000 AS risk_score, 0.0 AS fraud_score FROM orders WHERE amount > 190
), behaviour AS (
  SELECT user_id, 'BEHAVIOURAL' AS alert_type, sum(amount) AS total, 0.0 AS risk_score,
         0.3 * count(*) + 0.4 * sum(amount) / 1000 + 0.3 * max(quantity) AS fraud_score
  FROM orders WHERE user_id IS NOT NULL AND t IS NOT NULL GROUP BY time_bucket(INTERVAL '1 minute', t, TIMESTAMP '1970-01-01'), user_id
  HAVING fraud_score > 1.9
)
SELECT *, CASE WHEN total > 300 THEN 'CRITICAL' WHEN fraud_score > 2 THEN 'HIGH' ELSE 'MEDIUM' END
FROM (SELECT * FROM high UNION ALL SELECT * FROM behaviour)
