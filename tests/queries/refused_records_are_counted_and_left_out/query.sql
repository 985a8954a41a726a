-- Refused: no JSON; cut off; an array; no click_id (NOT NULL); click_id null; millis is a text; t is no time.
-- What is left: a and b, and c, which ends their window.
SELECT window.start AS window_start, count(*) AS n, sum(millis) AS millis
FROM clicks
GROUP BY window(t, '1 minute')
