-- table: categories = 'data/categories.csv'
-- Each sale with what a table says of its category. The table is held in memory (--refresh 10m reads it again).
SELECT t.transaction_id,
       t.user_id,
       t.category_id,
       t.category_name,
       c.category_description,
       c.category_multiplier,
       t.total_amount,
       t.total_amount * c.category_multiplier AS weighted_amount,
       t.timestamp
FROM transactions t
LEFT JOIN categories c ON t.category_id = c.category_id
