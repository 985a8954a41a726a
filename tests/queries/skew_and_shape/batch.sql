WITH windows AS (SELECT time_bucket(INTERVAL '5 minutes', t, TIMESTAMP '1970-01-01') AS s, * FROM orders WHERE t IS NOT NULL),
     means AS (SELECT s, avg(amount) AS m FROM windows GROUP BY s)
SELECT s, sum((amount - m)**3) / count(amount) / (var_pop(amount)**1.5), sum((amount - m)**4) / count(amount) / (var_pop(amount)**2) - 3
FROM windows JOIN means USING (s) GROUP BY s HAVING count(*) > 10
