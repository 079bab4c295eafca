-- The ten products with the highest paid turnover of each hour, as sorted sets in Redis: asked for at very high rates, and not for long.
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

CREATE TABLE top_product (
  `hour` STRING,
  product_id BIGINT,
  gmv DOUBLE,
  PRIMARY KEY (`hour`, product_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'redis.type' = 'zset',
  'key' = 'top_product:{hour}',
  'member' = 'product_id',
  'score' = 'gmv'
);

CREATE VIEW sold AS
SELECT DATE_FORMAT(paid_at, 'yyyy-MM-dd HH') AS `hour`, product_id, SUM(amount) AS gmv
FROM dwd_order_detail
WHERE order_status = 'PAID' AND paid_at IS NOT NULL
GROUP BY DATE_FORMAT(paid_at, 'yyyy-MM-dd HH'), product_id;

INSERT INTO top_product
SELECT `hour`, product_id, CAST(gmv AS DOUBLE)
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY `hour` ORDER BY gmv DESC, product_id ASC) AS place
  FROM sold
)
WHERE place <= 10;
