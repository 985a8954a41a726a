-- The coursework's windows: 10 seconds, one every 5 seconds, on the time at which Kafka got the record.
SELECT window.start AS window_start,
       window.end AS window_end,
       count(*) AS record_count,
       sum(final_amount) AS total_transaction_value,
       avg(final_amount) AS avg_transaction_value,
       count(DISTINCT customer_id) AS unique_customers,
       min(batch_number) AS min_batch_number,
       max(batch_number) AS max_batch_number
FROM `customer-transactions`
GROUP BY window(_timestamp, '10 seconds', '5 seconds')
