-- Escapes in keys and values, a surrogate pair, a duplicate key (the last one counts), a name with an escape.
SELECT user_id, count(*) AS n, min(page) AS page, window.start AS window_start
FROM clicks
GROUP BY window(t, '1 minute'), user_id
