-- Page views, structured: repeats of an event removed by its id, the time as a timestamp, the product's generic dimensions added.
SET 'table.exec.state.ttl' = '1 d';

CREATE TABLE ods_page_view (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  referer STRING,
  channel STRING,
  os STRING,
  ip STRING,
  event_time BIGINT,
  receive_time BIGINT,
  url STRING,
  duration_ms INT,
  app_version STRING,
  proc AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_page_view',
  'format' = 'protobuf',
  'protobuf.message-class-name' = 'shop.PageView',
  'protobuf.proto-file' = '../proto/page_view.proto'
);

CREATE TABLE dim_product (
  product_id BIGINT,
  category STRING,
  brand STRING,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'redis.type' = 'hash',
  'key' = 'dim:product:{product_id}',
  'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '100000',
  'lookup.partial-cache.expire-after-write' = '60 s'
);

CREATE TABLE dwd_page_view (
  event_id STRING,
  mid STRING,
  user_id BIGINT,
  page_id STRING,
  page_type STRING,
  product_id BIGINT,
  line STRING,
  referer STRING,
  channel STRING,
  os STRING,
  ip STRING,
  event_time TIMESTAMP_LTZ(3),
  url STRING,
  duration_ms INT,
  app_version STRING,
  category STRING,
  brand STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'dwd_page_view',
  'format' = 'json'
);

CREATE VIEW once AS
SELECT *
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY proc ASC) AS repeated
  FROM ods_page_view
)
WHERE repeated = 1;

INSERT INTO dwd_page_view
SELECT
  v.event_id, v.mid, v.user_id, v.page_id, v.page_type, v.product_id, v.line, v.referer, v.channel, v.os, v.ip,
  TO_TIMESTAMP_LTZ(v.event_time, 3), v.url, v.duration_ms, v.app_version, d.category, d.brand
FROM once AS v
LEFT JOIN dim_product FOR SYSTEM_TIME AS OF v.proc AS d ON d.product_id = NULLIF(v.product_id, 0);
