-- The worked case: exact unique visitors by day, from Protobuf page views in Kafka into HBase. Bounded: it reads what is in the topic
-- and ends, for measuring; take 'scan.bounded.mode' out to let it run on.
SET 'table.exec.state.ttl' = '2 d';

CREATE TABLE pageview (
  mid STRING,
  time_local STRING,
  page_id STRING,
  user_id BIGINT,
  session_id STRING,
  ip STRING,
  url STRING,
  referer STRING,
  device STRING,
  channel STRING,
  app_version STRING,
  duration_ms INT,
  log_date AS SUBSTRING(time_local, 1, 10)
) WITH (
  'connector' = 'kafka',
  'topic' = 'pageview',
  'format' = 'protobuf',
  'protobuf.message-class-name' = 'worked.PageView',
  'protobuf.proto-file' = 'page_view.proto',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset'
);

CREATE TABLE uv_index (
  log_date STRING,
  f ROW<UV BIGINT>,
  PRIMARY KEY (log_date) NOT ENFORCED
) WITH (
  'connector' = 'hbase-2.2',
  'table-name' = 'uv_index_worked',
  'sink.buffer-flush.max-rows' = '1000',
  'sink.buffer-flush.interval' = '1 s'
);

insert into uv_index select log_date, ROW(count(distinct mid) as UV) from pageview group by log_date;
