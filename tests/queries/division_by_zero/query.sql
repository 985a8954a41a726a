SELECT order_id, quantity / 0 AS nothing, quantity % 0 AS no_rest, quantity DIV 0 AS no_whole FROM orders
