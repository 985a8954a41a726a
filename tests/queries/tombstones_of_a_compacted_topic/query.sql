-- A record without a value says that its key is gone; it is read and is no row.
SELECT product_id, price, update_type
FROM `product-updates`
