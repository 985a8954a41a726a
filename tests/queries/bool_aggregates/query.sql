SELECT window.start AS window_start, user_id, bool_and(express) AS every_express, bool_or(express) AS some_express
FROM orders
GROUP BY window(t, '5 minutes'), user_id
