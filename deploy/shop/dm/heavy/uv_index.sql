-- Exact unique visitors by day, in HBase under the day. State is kept for two days: a view that comes later still counts on its own day.
SET 'table.exec.state.ttl' = '2 d';

CREATE TABLE pageview (
  mid STRING,
  event_time BIGINT,
  log_date AS DATE_FORMAT(TO_TIMESTAMP_LTZ(event_time, 3), 'yyyy-MM-dd')
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_page_view',
  'format' = 'protobuf',
  'protobuf.message-class-name' = 'shop.PageView',
  'protobuf.proto-file' = '../../proto/page_view.proto'
);

CREATE TABLE uv_index (
  log_date STRING,
  f ROW<UV BIGINT>,
  PRIMARY KEY (log_date) NOT ENFORCED
) WITH (
  'connector' = 'hbase-2.2',
  'table-name' = 'uv_index',
  'sink.buffer-flush.max-rows' = '1000',
  'sink.buffer-flush.interval' = '1 s'
);

insert into uv_index
select log_date, ROW(count(distinct mid) as UV)
from pageview
group by log_date;
