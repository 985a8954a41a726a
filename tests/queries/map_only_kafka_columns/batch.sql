SELECT _topic, _partition, _offset, _key, _timestamp, order_id FROM orders WHERE _offset >= 3 AND _partition <> 1
