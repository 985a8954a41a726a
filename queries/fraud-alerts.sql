-- Both alerts with their severity, as records of the topic fraud-alerts. A sale above 10,000 raises one at once;
-- a customer raises one when the score of a minute first passes 20, with the values of that moment. (In append mode
-- the second kind would come when its minute is final, with the values of the whole minute.)
-- output-mode: update
WITH high_value AS (
  SELECT concat('HIGH_VALUE-', transaction_id) AS alert_id,
         'HIGH_VALUE' AS alert_type,
         user_id,
         transaction_id,
         CAST(NULL AS TIMESTAMP) AS window_start,
         CAST(NULL AS TIMESTAMP) AS window_end,
         CAST(NULL AS BIGINT) AS transaction_count,
         total_amount,
         CAST(NULL AS BIGINT) AS category_diversity,
         total_amount / 1000 AS risk_score,
         CAST(NULL AS DOUBLE) AS fraud_score,
         timestamp AS alert_timestamp
  FROM transactions
  WHERE total_amount > 10000
),
minutes AS (
  SELECT user_id,
         window.start AS window_start,
         window.end AS window_end,
         count(*) AS transaction_count,
         sum(total_amount) AS total_amount,
         count(DISTINCT category_id) AS category_diversity,
         max(timestamp) AS alert_timestamp
  FROM transactions
  GROUP BY window(timestamp, '1 minute'), user_id
),
scores AS (
  SELECT *,
         0.3e0 * transaction_count + 0.4e0 * total_amount / 1000 + 0.3e0 * category_diversity AS fraud_score
  FROM minutes
),
behavioral AS (
  SELECT DISTINCT ON (alert_id) *
  FROM (SELECT concat('BEHAVIORAL-', user_id, '-', CAST(window_start AS STRING)) AS alert_id, *
        FROM scores
        WHERE fraud_score > 20)
),
alerts AS (
  SELECT * FROM high_value
  UNION ALL
  SELECT alert_id, 'BEHAVIORAL', user_id, CAST(NULL AS STRING), window_start, window_end, transaction_count,
         total_amount, category_diversity, CAST(NULL AS DOUBLE), fraud_score, alert_timestamp
  FROM behavioral
)
SELECT alert_id,
       alert_type,
       CASE WHEN total_amount > 50000 THEN 'CRITICAL'
            WHEN fraud_score > 50 THEN 'HIGH'
            ELSE 'MEDIUM'
       END AS alert_severity,
       user_id,
       transaction_id,
       window_start,
       window_end,
       transaction_count,
       total_amount,
       category_diversity,
       risk_score,
       fraud_score,
       alert_timestamp
FROM alerts
