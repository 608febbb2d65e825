-- The catalogue and the customers of `bench.work`, and nothing booked; run before every measurement.
TRUNCATE items, stock, customers, orders, order_lines, payables, outbox, holds RESTART IDENTITY;
ALTER SEQUENCE order_ids RESTART;
INSERT INTO items SELECT i, 'SKU-' || lpad(i::text, 5, '0'), 'Tas selempang ' || i, (15000 + i * 7919 % 1485000) * 100, 1100
    FROM generate_series(1, :items) AS i;
INSERT INTO stock SELECT i, 1, :stock, 0 FROM generate_series(1, :items) AS i;
INSERT INTO customers (name, phone, street, district, city, province, postal_code)
    SELECT 'Siti Rahmawati ' || c, '62812' || lpad(c::text, 8, '0'), 'Jl. Merdeka No. ' || c || ', RT 03/RW 07', 'Coblong',
        'Bandung', 'Jawa Barat', '40132' FROM generate_series(0, :customers - 1) AS c;
VACUUM ANALYZE;
CHECKPOINT;
