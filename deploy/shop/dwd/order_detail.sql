-- Detail of the order process at its finest grain, the order item: items, their order and its payment joined, with the product and the region that everybody asks for.
CREATE TABLE ods_order_item (
  item_id BIGINT,
  order_id BIGINT,
  product_id BIGINT,
  quantity INT,
  price DECIMAL(10, 2),
  PRIMARY KEY (item_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_order_item',
  'format' = 'canal-json'
);

CREATE TABLE ods_orders (
  order_id BIGINT,
  user_id BIGINT,
  region_id INT,
  status STRING,
  total_amount DECIMAL(12, 2),
  created_at TIMESTAMP(3),
  updated_at TIMESTAMP(3),
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_orders',
  'format' = 'canal-json'
);

CREATE TABLE ods_payment (
  payment_id BIGINT,
  order_id BIGINT,
  amount DECIMAL(12, 2),
  `method` STRING,
  status STRING,
  paid_at TIMESTAMP(3),
  PRIMARY KEY (payment_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_payment',
  'format' = 'canal-json'
);

CREATE TABLE dim_product (
  product_id BIGINT,
  name STRING,
  category STRING,
  brand STRING,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'redis.type' = 'hash',
  'key' = 'dim:product:{product_id}',
  'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '100000',
  'lookup.partial-cache.expire-after-write' = '10 s'
);

CREATE TABLE dim_region (
  region_id INT,
  province VARCHAR(32),
  area VARCHAR(16),
  PRIMARY KEY (region_id) NOT ENFORCED
) WITH (
  'connector' = 'mysql',
  'database' = 'dim',
  'table-name' = 'dim_region',
  'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '1000',
  'lookup.partial-cache.expire-after-write' = '60 s',
  'lookup.partial-cache.cache-missing-key' = 'false'
);

CREATE TABLE dwd_order_detail (
  item_id BIGINT,
  order_id BIGINT,
  user_id BIGINT,
  product_id BIGINT,
  quantity INT,
  price DECIMAL(10, 2),
  amount DECIMAL(18, 2),
  order_status STRING,
  created_at TIMESTAMP(3),
  updated_at TIMESTAMP(3),
  payment_id BIGINT,
  pay_method STRING,
  pay_status STRING,
  paid_at TIMESTAMP(3),
  province STRING,
  area STRING,
  product_name STRING,
  category STRING,
  brand STRING,
  PRIMARY KEY (item_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'dwd_order_detail',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE VIEW joined AS
SELECT
  i.item_id, i.order_id, o.user_id, o.region_id, i.product_id, i.quantity, i.price,
  o.status AS order_status, o.created_at, o.updated_at,
  p.payment_id, p.`method` AS pay_method, p.status AS pay_status, p.paid_at,
  PROCTIME() AS proc
FROM ods_order_item AS i
JOIN ods_orders AS o ON i.order_id = o.order_id
LEFT JOIN ods_payment AS p ON p.order_id = i.order_id;

INSERT INTO dwd_order_detail
SELECT
  j.item_id, j.order_id, j.user_id, j.product_id, j.quantity, j.price, CAST(j.quantity * j.price AS DECIMAL(18, 2)),
  j.order_status, j.created_at, j.updated_at, j.payment_id, j.pay_method, j.pay_status, j.paid_at,
  r.province, r.area, d.name, d.category, d.brand
FROM joined AS j
LEFT JOIN dim_region FOR SYSTEM_TIME AS OF j.proc AS r ON r.region_id = j.region_id
LEFT JOIN dim_product FOR SYSTEM_TIME AS OF j.proc AS d ON d.product_id = j.product_id;
