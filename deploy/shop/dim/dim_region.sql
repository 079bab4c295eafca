-- The region dimension: a few rows, so it lives in MySQL.
CREATE TABLE ods_region (
  region_id INT,
  province STRING,
  area STRING,
  PRIMARY KEY (region_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_region',
  'format' = 'canal-json'
);

CREATE TABLE dim_region (
  region_id INT,
  province VARCHAR(32),
  area VARCHAR(16),
  PRIMARY KEY (region_id) NOT ENFORCED
) WITH (
  'connector' = 'mysql',
  'database' = 'dim',
  'table-name' = 'dim_region'
);

INSERT INTO dim_region
SELECT region_id, province, area
FROM ods_region;
