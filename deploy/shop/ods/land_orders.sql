-- Landing: every change of shop.orders as a row, in five-minute Parquet partitions by the time of the change.
SET 'execution.checkpointing.interval' = '2 s';

-- The canal-json envelope read as plain JSON: changes become rows instead of being applied.
CREATE TABLE ods_orders (
  `data` ARRAY<ROW<order_id BIGINT, user_id BIGINT, region_id INT, status STRING, total_amount DECIMAL(12, 2), created_at TIMESTAMP(3), updated_at TIMESTAMP(3)>>,
  `type` STRING,
  es BIGINT,
  changed_at AS TO_TIMESTAMP_LTZ(es, 3),
  WATERMARK FOR changed_at AS changed_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_orders',
  'format' = 'json'
);

CREATE TABLE lake_orders (
  order_id BIGINT, user_id BIGINT, region_id INT, status STRING, total_amount DECIMAL(12, 2), created_at TIMESTAMP(3), updated_at TIMESTAMP(3),
  op STRING,
  changed_at TIMESTAMP_LTZ(3),
  dt STRING,
  hm STRING
) PARTITIONED BY (dt, hm) WITH (
  'connector' = 'filesystem',
  'path' = 'lake/ods/orders',
  'format' = 'parquet',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '5 min',
  'sink.partition-commit.policy.kind' = 'success-file'
);

INSERT INTO lake_orders
SELECT
  `data`[1].order_id,
  `data`[1].user_id,
  `data`[1].region_id,
  `data`[1].status,
  `data`[1].total_amount,
  `data`[1].created_at,
  `data`[1].updated_at,
  `type`,
  changed_at,
  DATE_FORMAT(changed_at, 'yyyy-MM-dd'),
  DATE_FORMAT(changed_at, 'HH') || LPAD(CAST(MINUTE(CAST(changed_at AS TIMESTAMP(3))) / 5 * 5 AS STRING), 2, '0')
FROM ods_orders;
