WITH high AS (
  SELECT user_id, 'HIGH_VALUE' AS alert_type, amount AS total, amount / 1000 AS risk_score, 0.0e0 AS fraud_score
  FROM orders WHERE amount > 190
), behaviour AS (
  SELECT user_id, 'BEHAVIOURAL' AS alert_type, sum(amount) AS total, 0.0e0 AS risk_score,
         0.3e0 * count(*) + 0.4e0 * sum(amount) / 1000 + 0.3e0 * max(quantity) AS fraud_score
  FROM orders WHERE user_id IS NOT NULL GROUP BY window(t, '1 minute'), user_id
  HAVING 0.3e0 * count(*) + 0.4e0 * sum(amount) / 1000 + 0.3e0 * max(quantity) > 1.9
)
SELECT *, CASE WHEN total > 300 THEN 'CRITICAL' WHEN fraud_score > 2 THEN 'HIGH' ELSE 'MEDIUM' END AS severity
FROM (SELECT * FROM high UNION ALL SELECT * FROM behaviour) AS alerts
