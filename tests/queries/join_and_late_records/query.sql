-- An order takes payments up to 1 minute after it; no delay; the watermark is the minimum of both topics.
-- batch 1: order 1 of 10:00, payment a of 10:00:10 for it -> a match. Watermark 10:00.
-- batch 2: order 2 of 10:05, payment b of 10:03 for order 1 -> too late for the bound. Watermark 10:03: order 1 can
--          have no more matches; it had one, so nothing comes out.
-- batch 3: payment c of 10:02 is late, it is older than the watermark, and dropped; payment d of 10:05:30 matches order 2.
--          order 3 of 10:04 is new and open: it could still take payments of 10:04 to 10:05. Watermark 10:05.
-- batch 4: order 9 and payment z of 11:00 -> watermark 11:00: order 3 comes out unmatched. Order 9 at the end.
SELECT o.order_id AS order_id, p.payment_id AS payment_id
FROM orders o LEFT JOIN payments p
  ON o.order_id = p.order_id AND p.t BETWEEN o.t AND o.t + INTERVAL 1 MINUTES
