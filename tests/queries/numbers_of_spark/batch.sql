SELECT order_id, quantity // 2, points % 7, ((points % 7) + 7) % 7, round(amount, 1), ceil(amount), floor(amount), sign(amount), amount / 0.5, log10(quantity), log2(quantity), cbrt(quantity), quantity,
       quantity * 1.5, -amount, quantity % 2, radians(quantity), pi()
FROM orders
