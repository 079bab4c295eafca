-- The product dimension: small values read very often, so it lives in Redis, one hash a product.
CREATE TABLE ods_product (
  product_id BIGINT,
  name STRING,
  category STRING,
  brand STRING,
  price DECIMAL(10, 2),
  status STRING,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_product',
  'format' = 'canal-json'
);

CREATE TABLE dim_product (
  product_id BIGINT,
  name STRING,
  category STRING,
  brand STRING,
  price DECIMAL(10, 2),
  status STRING,
  PRIMARY KEY (product_id) NOT ENFORCED
) WITH (
  'connector' = 'redis',
  'redis.type' = 'hash',
  'key' = 'dim:product:{product_id}'
);

INSERT INTO dim_product
SELECT product_id, name, category, brand, price, status
FROM ods_product;
