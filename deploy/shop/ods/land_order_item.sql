-- Landing: every change of shop.order_item as a row, in five-minute Parquet partitions by the time of the change.
SET 'execution.checkpointing.interval' = '2 s';

-- The canal-json envelope read as plain JSON: changes become rows instead of being applied.
CREATE TABLE ods_order_item (
  `data` ARRAY<ROW<item_id BIGINT, order_id BIGINT, product_id BIGINT, quantity INT, price DECIMAL(10, 2)>>,
  `type` STRING,
  es BIGINT,
  changed_at AS TO_TIMESTAMP_LTZ(es, 3),
  WATERMARK FOR changed_at AS changed_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_order_item',
  'format' = 'json'
);

CREATE TABLE lake_order_item (
  item_id BIGINT, order_id BIGINT, product_id BIGINT, quantity INT, price DECIMAL(10, 2),
  op STRING,
  changed_at TIMESTAMP_LTZ(3),
  dt STRING,
  hm STRING
) PARTITIONED BY (dt, hm) WITH (
  'connector' = 'filesystem',
  'path' = 'lake/ods/order_item',
  'format' = 'parquet',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '5 min',
  'sink.partition-commit.policy.kind' = 'success-file'
);

INSERT INTO lake_order_item
SELECT
  `data`[1].item_id,
  `data`[1].order_id,
  `data`[1].product_id,
  `data`[1].quantity,
  `data`[1].price,
  `type`,
  changed_at,
  DATE_FORMAT(changed_at, 'yyyy-MM-dd'),
  DATE_FORMAT(changed_at, 'HH') || LPAD(CAST(MINUTE(CAST(changed_at AS TIMESTAMP(3))) / 5 * 5 AS STRING), 2, '0')
FROM ods_order_item;
