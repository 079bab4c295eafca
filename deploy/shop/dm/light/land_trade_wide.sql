-- Every state that a row of the trade wide table had, as five-minute Parquet: for recomputing and for Spark.
SET 'execution.checkpointing.interval' = '2 s';

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
  changed_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  WATERMARK FOR changed_at AS changed_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'dm_trade_wide',
  'format' = 'json'
);

CREATE TABLE lake_trade_wide (
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
  changed_at TIMESTAMP_LTZ(3),
  dt STRING,
  hm STRING
) PARTITIONED BY (dt, hm) WITH (
  'connector' = 'filesystem',
  'path' = 'lake/dm/trade_wide',
  'format' = 'parquet',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '5 min',
  'sink.partition-commit.policy.kind' = 'success-file'
);

INSERT INTO lake_trade_wide
SELECT
  *,
  DATE_FORMAT(changed_at, 'yyyy-MM-dd'),
  DATE_FORMAT(changed_at, 'HH') || LPAD(CAST(MINUTE(CAST(changed_at AS TIMESTAMP(3))) / 5 * 5 AS STRING), 2, '0')
FROM dm_trade_wide;
