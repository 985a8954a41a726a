SELECT _topic AS topic, _partition AS part, _offset AS pos, _key AS k, _timestamp AS arrived, order_id
FROM orders
WHERE _offset >= 3 AND _partition <> 1
