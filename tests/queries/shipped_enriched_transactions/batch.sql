SELECT transaction_id, user_id, t.category_id, category_name, category_description, category_multiplier, price * quantity - coalesce(discount_applied, 0), (price * quantity - coalesce(discount_applied, 0)) * category_multiplier, timestamp
FROM transactions t LEFT JOIN categories c ON t.category_id = c.category_id
