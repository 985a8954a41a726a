-- A day is from midnight to midnight, UTC: a and b are the first and the last millisecond of the first one.
-- c is the last microsecond before 2000-01-01, d the first after it. e is on the 29th of February of a leap year, whose
-- window ends on the 1st of March. f has no time and is in no window. g is at midnight: in the day that begins.
SELECT window.start AS window_start, window.end AS window_end, count(*) AS n
FROM clicks
GROUP BY window(t, '1 day')
