SELECT window.start AS window_start, category, count_if(amount > 100) AS large, bool_or(express) AS some_express, every(quantity > 0) AS all_positive,
       max_by(order_id, t) AS newest, min_by(order_id, t) AS oldest, sort_array(collect_set(quantity)) AS quantities, size(collect_list(order_id)) AS listed,
       any_value(category) AS c, mean(amount) AS average, variance(amount) AS v, std(amount) AS deviation
FROM orders
GROUP BY window(t, '2 minutes'), category
