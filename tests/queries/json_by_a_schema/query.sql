-- Texts that are cut off have no fields; a number that is a text is no INT, and a number that is wanted as text is one.
SELECT window.start AS window_start, sum(whole.a) AS total, sum(whole.place.q) AS quantity, max(whole.place.c) AS city,
       count(cut.q) AS uncut, count(cut) AS texts, count(as_text.q) AS fitting, min(number.q) AS smallest, max(entries['q']) AS entry
FROM (
  SELECT t,
         from_json(to_json(named_struct('a', amount, 'place', named_struct('q', quantity, 'c', address.city))),
                   'a DOUBLE, place STRUCT<q: INT, c: STRING>') AS whole,
         from_json(concat('{"q":', CAST(quantity AS STRING), CASE WHEN quantity > 2 THEN '' ELSE '}' END), 'q INT') AS cut,
         from_json(concat('{"q":"', CAST(quantity AS STRING), '"}'), 'q INT') AS as_text,
         from_json(concat('{"q":', CAST(quantity AS STRING), '}'), 'q STRING') AS number,
         from_json(concat('{"q":', CAST(quantity AS STRING), '}'), 'MAP<STRING, BIGINT>') AS entries
  FROM orders
) AS parsed
GROUP BY window(t, '5 minutes')
