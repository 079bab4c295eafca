-- The traffic wide table: page views with the visitor's dimensions, one topic a business line; ClickHouse and five-minute Parquet for analysts.
CREATE TABLE dwd_page_view (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  proc AS PROCTIME(),
  WATERMARK FOR event_time AS event_time - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'dwd_page_view',
  'format' = 'json'
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

CREATE TABLE dm_traffic_wide_app (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  user_gender STRING,
  user_level INT
) WITH (
  'connector' = 'kafka',
  'topic' = 'dm_traffic_wide_app',
  'format' = 'json'
);

CREATE TABLE dm_traffic_wide_web (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  user_gender STRING,
  user_level INT
) WITH (
  'connector' = 'kafka',
  'topic' = 'dm_traffic_wide_web',
  'format' = 'json'
);

CREATE TABLE dm_traffic_wide_mini (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  user_gender STRING,
  user_level INT
) WITH (
  'connector' = 'kafka',
  'topic' = 'dm_traffic_wide_mini',
  'format' = 'json'
);

CREATE TABLE ch_traffic_wide (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  user_gender STRING,
  user_level INT
) WITH (
  'connector' = 'clickhouse',
  'table-name' = 'dm_traffic_wide',
  'table.order-by' = 'assumeNotNull(line), assumeNotNull(event_time)'
);

CREATE TABLE lake_traffic_wide (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  channel STRING,
  os STRING,
  event_time TIMESTAMP_LTZ(3),
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING,
  user_gender STRING,
  user_level INT,
  dt STRING,
  hm STRING
) PARTITIONED BY (dt, hm) WITH (
  'connector' = 'filesystem',
  'path' = 'lake/dm/traffic_wide',
  'format' = 'parquet',
  'partition.time-extractor.timestamp-pattern' = '$dt $hm',
  'sink.partition-commit.trigger' = 'partition-time',
  'sink.partition-commit.delay' = '5 min',
  'sink.partition-commit.policy.kind' = 'success-file'
);

CREATE VIEW wide AS
SELECT
  v.event_id, v.mid, v.user_id, v.page_id, v.page_type, v.product_id, v.line, v.channel, v.os, v.event_time, v.duration_ms, v.app_version,
  v.category, v.brand, u.f.gender AS user_gender, u.f.`level` AS user_level
FROM dwd_page_view AS v
LEFT JOIN dim_user FOR SYSTEM_TIME AS OF v.proc AS u ON u.user_id = CAST(NULLIF(v.user_id, 0) AS STRING);

INSERT INTO dm_traffic_wide_app SELECT * FROM wide WHERE line = 'app';
INSERT INTO dm_traffic_wide_web SELECT * FROM wide WHERE line = 'web';
INSERT INTO dm_traffic_wide_mini SELECT * FROM wide WHERE line = 'mini';
INSERT INTO ch_traffic_wide SELECT * FROM wide;
INSERT INTO lake_traffic_wide
SELECT
  *,
  DATE_FORMAT(event_time, 'yyyy-MM-dd'),
  DATE_FORMAT(event_time, 'HH') || LPAD(CAST(MINUTE(CAST(event_time AS TIMESTAMP(3))) / 5 * 5 AS STRING), 2, '0')
FROM wide;
