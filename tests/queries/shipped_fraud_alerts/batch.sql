WITH sales AS (
  SELECT *, price * quantity - coalesce(discount_applied, 0) AS total FROM transactions
), minutes AS (
  SELECT user_id, time_bucket(INTERVAL 1 MINUTE, timestamp, TIMESTAMP '1970-01-01') AS s, count(*) AS n, sum(total) AS total,
         count(DISTINCT category_id) AS categories, max(timestamp) AS last
  FROM sales GROUP BY user_id, s
), scores AS (
  SELECT *, 0.3 * n + 0.4 * total / 1000 + 0.3 * categories AS score FROM minutes
), alerts AS (
  SELECT 'HIGH_VALUE-' || transaction_id AS id, 'HIGH_VALUE' AS kind, user_id, transaction_id, NULL AS s, NULL AS e, NULL AS n, total,
         NULL AS categories, total / 1000 AS risk, NULL AS score, timestamp AS last
  FROM sales WHERE total > 10000
  UNION ALL
  SELECT 'BEHAVIORAL-' || user_id || '-' || strftime(s, '%Y-%m-%d %H:%M:%S'), 'BEHAVIORAL', user_id, NULL, s, s + INTERVAL 1 MINUTE, n,
         total, categories, NULL, score, last
  FROM scores WHERE score > 20
)
SELECT id, kind, CASE WHEN total > 50000 THEN 'CRITICAL' WHEN score > 50 THEN 'HIGH' ELSE 'MEDIUM' END, user_id, transaction_id, s, e, n,
       total, categories, risk, score, last
FROM alerts
