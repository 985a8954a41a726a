SELECT window.start AS window_start, count(*) FILTER (WHERE page = 'home') AS home, count(*) FILTER (WHERE page = 'item') AS item,
       count(*) FILTER (WHERE page = 'cart') AS cart, count(*) FILTER (WHERE page = 'pay') AS pay,
       count(*) FILTER (WHERE page = 'pay') * 1.0e0 / count(*) AS rate
FROM clicks
GROUP BY window(t, '5 minutes')
