SELECT window.start AS window_start, labels['channel'] AS channel, count(labels['note']) AS notes
FROM orders
GROUP BY window(t, '5 minutes'), labels['channel']
