-- Landing: every change of shop.payment as a row, in five-minute Parquet partitions by the time of the change.
SET 'execution.checkpointing.interval' = '2 s';

-- The canal-json envelope read as plain JSON: changes become rows instead of being applied.
CREATE TABLE ods_payment (
  `data` ARRAY<ROW<payment_id BIGINT, order_id BIGINT, amount DECIMAL(12, 2), `method` STRING, status STRING, paid_at TIMESTAMP(3)>>,
  `type` STRING,
  es BIGINT,
  changed_at AS TO_TIMESTAMP_LTZ(es, 3),
  WATERMARK FOR changed_at AS changed_at - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_payment',
  'format' = 'json'
);

CREATE TABLE lake_payment (
  payment_id BIGINT, order_id BIGINT, amount DECIMAL(12, 2), `method` STRING, status STRING, paid_at TIMESTAMP(3),
  op STRING,
  changed_at TIMESTAMP_LTZ(3),
  dt STRING,
  hm STRING
) PARTITIONED BY (dt, hm) WITH (
  'connector' = 'filesystem',
  'path' = 'lake/ods/payment',
  'format' = 'parquet',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '5 min',
  'sink.partition-commit.policy.kind' = 'success-file'
);

INSERT INTO lake_payment
SELECT
  `data`[1].payment_id,
  `data`[1].order_id,
  `data`[1].amount,
  `data`[1].`method`,
  `data`[1].status,
  `data`[1].paid_at,
  `type`,
  changed_at,
  DATE_FORMAT(changed_at, 'yyyy-MM-dd'),
  DATE_FORMAT(changed_at, 'HH') || LPAD(CAST(MINUTE(CAST(changed_at AS TIMESTAMP(3))) / 5 * 5 AS STRING), 2, '0')
FROM ods_payment;
