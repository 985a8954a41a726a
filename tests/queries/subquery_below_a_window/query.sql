SELECT window.start AS window_start, kind, sum(value) AS value, count(*) AS n
FROM (SELECT t, upper(category) AS kind, amount * quantity AS value FROM orders WHERE amount > 0) AS sales
WHERE value > 50
GROUP BY window(t, '2 minutes'), kind
