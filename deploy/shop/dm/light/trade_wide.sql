-- The trade wide table: order details with the buyer's dimensions, for whoever joins no more: a topic for downstream jobs, ClickHouse for analysts.
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
  proc AS PROCTIME(),
  PRIMARY KEY (item_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'dwd_order_detail',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE dim_user (
  user_id STRING,
  f ROW<name STRING, gender STRING, birth_year INT, province STRING, `level` INT>,
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'hbase-2.2',
  'table-name' = 'dim_user',
  'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '100000',
  'lookup.partial-cache.expire-after-write' = '60 s'
);

CREATE TABLE dm_trade_wide (
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
  user_gender STRING,
  user_level INT,
  PRIMARY KEY (item_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'dm_trade_wide',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE ch_trade_wide (
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
  user_gender STRING,
  user_level INT,
  PRIMARY KEY (item_id) NOT ENFORCED
) WITH (
  'connector' = 'clickhouse',
  'table-name' = 'dm_trade_wide'
);

CREATE VIEW wide AS
SELECT
  d.item_id, d.order_id, d.user_id, d.product_id, d.quantity, d.price, d.amount, d.order_status, d.created_at, d.updated_at,
  d.payment_id, d.pay_method, d.pay_status, d.paid_at, d.province, d.area, d.product_name, d.category, d.brand,
  u.f.gender AS user_gender, u.f.`level` AS user_level
FROM dwd_order_detail AS d
LEFT JOIN dim_user FOR SYSTEM_TIME AS OF d.proc AS u ON u.user_id = CAST(d.user_id AS STRING);

INSERT INTO dm_trade_wide SELECT * FROM wide;
INSERT INTO ch_trade_wide SELECT * FROM wide;
