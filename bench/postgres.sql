-- The same shop in plain PostgreSQL, written to be fast: one call a booking, one statement a hold, stock rows with room for
-- updates in place, rows locked as late as can be and in one order. What Kasir keeps beside this (journal with hashes, stored
-- replies, totals per day, location, cashier and channel) is left out here.

CREATE TABLE items (
    item_id bigint PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    price_minor bigint NOT NULL,
    tax_basis_points bigint NOT NULL
);

CREATE TABLE stock (
    item_id bigint NOT NULL,
    location_id bigint NOT NULL,
    on_hand bigint NOT NULL,
    held bigint NOT NULL CHECK (held BETWEEN 0 AND on_hand),
    PRIMARY KEY (item_id, location_id)
) WITH (fillfactor = 50);

CREATE TABLE customers (
    customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    phone text NOT NULL UNIQUE,
    street text NOT NULL,
    district text NOT NULL,
    city text NOT NULL,
    province text NOT NULL,
    postal_code text NOT NULL
);

CREATE SEQUENCE order_ids;

CREATE TABLE orders (
    order_id bigint PRIMARY KEY,
    request_id bigint NOT NULL UNIQUE,
    state text NOT NULL,
    customer_id bigint NOT NULL,
    customer_name text NOT NULL,
    customer_phone text NOT NULL,
    street text NOT NULL,
    district text NOT NULL,
    city text NOT NULL,
    province text NOT NULL,
    postal_code text NOT NULL,
    goods_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    shipping_minor bigint NOT NULL,
    total_minor bigint NOT NULL,
    unique_code int NOT NULL,
    payable_minor bigint NOT NULL,
    bank_account_id bigint NOT NULL,
    courier_id bigint NOT NULL,
    courier_service text NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL
);
-- What a worker that ends claims looks for.
CREATE INDEX orders_by_deadline ON orders (expire_time) WHERE state = 'BOOKED';

CREATE TABLE order_lines (
    order_id bigint NOT NULL,
    line int NOT NULL,
    item_id bigint NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    quantity bigint NOT NULL,
    unit_price_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    total_minor bigint NOT NULL,
    location_id bigint NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payables (
    bank_account_id bigint NOT NULL,
    payable_minor bigint NOT NULL,
    order_id bigint NOT NULL,
    PRIMARY KEY (bank_account_id, payable_minor)
);

-- Intents: what agents print and send.
CREATE TABLE outbox (
    intent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    order_id bigint NOT NULL,
    facts text NOT NULL,
    create_time timestamptz NOT NULL
);

CREATE TABLE holds (
    hold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id bigint NOT NULL UNIQUE,
    item_id bigint NOT NULL,
    location_id bigint NOT NULL,
    quantity bigint NOT NULL,
    owner text NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL
);
CREATE INDEX holds_by_deadline ON holds (expire_time);

-- Books two lines at location 1 for the customer of a phone number, paid into bank account 1.
CREATE FUNCTION book(
    p_request bigint, p_phone text, p_name text, p_street text, p_district text, p_city text, p_province text,
    p_postal_code text, p_item_1 bigint, p_quantity_1 bigint, p_item_2 bigint, p_quantity_2 bigint,
    p_shipping_minor bigint, OUT o_order_id bigint, OUT o_payable_minor bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_customer_id bigint;
    v_name text;
    v_a items;
    v_b items;
    v_goods_a bigint;
    v_goods_b bigint;
    v_tax_a bigint;
    v_tax_b bigint;
    v_total bigint;
    v_code int;
    v_low bigint := least(p_item_1, p_item_2);
    v_low_quantity bigint := CASE WHEN p_item_1 <= p_item_2 THEN p_quantity_1 ELSE p_quantity_2 END;
    v_high_quantity bigint := CASE WHEN p_item_1 <= p_item_2 THEN p_quantity_2 ELSE p_quantity_1 END;
BEGIN
    SELECT customer_id, name INTO v_customer_id, v_name FROM customers WHERE phone = p_phone;
    IF NOT FOUND THEN
        INSERT INTO customers (name, phone, street, district, city, province, postal_code)
        VALUES (p_name, p_phone, p_street, p_district, p_city, p_province, p_postal_code)
        RETURNING customer_id, name INTO v_customer_id, v_name;
    END IF;
    SELECT * INTO STRICT v_a FROM items WHERE item_id = p_item_1;
    SELECT * INTO STRICT v_b FROM items WHERE item_id = p_item_2;
    v_goods_a := v_a.price_minor * p_quantity_1;
    v_goods_b := v_b.price_minor * p_quantity_2;
    -- The prices contain the tax: half up.
    v_tax_a := v_goods_a - (v_goods_a * 20000 + 10000 + v_a.tax_basis_points) / (2 * (10000 + v_a.tax_basis_points));
    v_tax_b := v_goods_b - (v_goods_b * 20000 + 10000 + v_b.tax_basis_points) / (2 * (10000 + v_b.tax_basis_points));
    v_total := v_goods_a + v_goods_b + p_shipping_minor;
    o_order_id := nextval('order_ids');
    v_code := o_order_id % 99999;
    LOOP
        v_code := v_code % 99999 + 1;
        o_payable_minor := v_total + v_code * 100;
        INSERT INTO payables VALUES (1, o_payable_minor, o_order_id) ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO orders VALUES (
        o_order_id, p_request, 'BOOKED', v_customer_id, v_name, p_phone, p_street, p_district, p_city, p_province,
        p_postal_code, v_goods_a + v_goods_b, v_tax_a + v_tax_b, p_shipping_minor, v_total, v_code, o_payable_minor, 1, 1,
        'REG', now(), now() + interval '3 hours'
    );
    INSERT INTO order_lines VALUES
        (o_order_id, 1, p_item_1, v_a.sku, v_a.name, p_quantity_1, v_a.price_minor, v_tax_a, v_goods_a, 1),
        (o_order_id, 2, p_item_2, v_b.sku, v_b.name, p_quantity_2, v_b.price_minor, v_tax_b, v_goods_b, 1);
    INSERT INTO outbox (kind, order_id, facts, create_time) VALUES
        ('ORDER_SLIP', o_order_id, '', now()),
        ('BOOKING_CONFIRMED', o_order_id, v_name || '|' || p_phone || '|' || o_payable_minor, now());
    -- Last, so that a row that everybody wants is locked for the commit and little more; by id, so that nobody deadlocks.
    UPDATE stock SET held = held + v_low_quantity
        WHERE item_id = v_low AND location_id = 1 AND on_hand - held >= v_low_quantity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'out of stock: item %', v_low;
    END IF;
    UPDATE stock SET held = held + v_high_quantity
        WHERE item_id = greatest(p_item_1, p_item_2) AND location_id = 1 AND on_hand - held >= v_high_quantity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'out of stock: item %', greatest(p_item_1, p_item_2);
    END IF;
END;
$$;

-- Holds one unit of each of many items at location 1, in sets: each element is granted or refused by itself, the rows of stock
-- are locked by id so that nobody deadlocks. Returns how many were granted. Request ids are p_request and those that follow it.
CREATE FUNCTION hold_many(p_request bigint, p_items bigint[], p_owner text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_granted bigint;
BEGIN
    PERFORM FROM stock WHERE location_id = 1 AND item_id = ANY (p_items) ORDER BY item_id FOR UPDATE;
    -- A statement of its own, so that it sees what others committed while we waited for the rows.
    WITH asked AS (
        SELECT item_id, place, row_number() OVER (PARTITION BY item_id ORDER BY place) AS wanted
            FROM unnest(p_items) WITH ORDINALITY AS given (item_id, place)
    ), granted AS MATERIALIZED (
        SELECT asked.item_id, place FROM asked JOIN stock ON stock.item_id = asked.item_id AND location_id = 1
            WHERE wanted <= on_hand - held
    ), taken AS (
        UPDATE stock SET held = held + units
            FROM (SELECT item_id, count(*) AS units FROM granted GROUP BY item_id) AS sums
            WHERE stock.item_id = sums.item_id AND location_id = 1
    )
    INSERT INTO holds (request_id, item_id, location_id, quantity, owner, create_time, expire_time)
        SELECT p_request + place, item_id, 1, 1, p_owner, now(), now() + interval '1 hour' FROM granted;
    GET DIAGNOSTICS v_granted = ROW_COUNT;
    RETURN v_granted;
END;
$$;
