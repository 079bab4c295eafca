-- Features of a user for online services: paid orders and turnover, one Redis hash a user.
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

CREATE TABLE user_feature (
  user_id BIGINT,
  paid_orders BIGINT,
  gmv DECIMAL(18, 2),
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'redis.type' = 'hash',
  'key' = 'user_feature:{user_id}'
);

INSERT INTO user_feature
SELECT user_id, COUNT(DISTINCT order_id), CAST(SUM(amount) AS DECIMAL(18, 2))
FROM dwd_order_detail
WHERE order_status = 'PAID'
GROUP BY user_id;
