SELECT order_id, concat_ws('-', user_id, category) AS joined, split(order_id, 'o')[1] AS number, initcap(category) AS title,
       instr(category, 'o') AS place, substr(category, -3) AS ending, left(category, 2) AS head, right(category, 2) AS tail, rpad(order_id, 6, '.') AS padded,
       repeat(category, 2) AS twice, translate(category, 'oe', '03') AS leet, ltrim(concat(' ', category)) AS l,
       category || '!' AS loud, lower(upper(category)) AS same, char_length(category) AS letters, ascii(order_id) AS code
FROM orders
