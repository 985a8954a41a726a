SELECT order_id, CAST(amount AS INT) AS whole, CAST(quantity AS STRING) AS text, CAST(substring(order_id, 2) AS BIGINT) AS number, CAST(quantity AS DOUBLE) AS dbl,
       CAST(express AS INT) AS flag, CAST('2025-03-01 10:00:00' AS TIMESTAMP) AS fixed, CAST(t AS DATE) AS d, CAST(points AS STRING) AS p, CAST(express AS STRING) AS b
FROM orders
