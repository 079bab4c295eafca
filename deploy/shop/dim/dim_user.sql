-- The user dimension: large and slowly changing, so it lives in HBase.
CREATE TABLE ods_user (
  user_id BIGINT,
  name STRING,
  gender STRING,
  birth_year INT,
  province STRING,
  `level` INT,
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'kafka',
  'topic' = 'ods_shop_user',
  'format' = 'canal-json'
);

CREATE TABLE dim_user (
  user_id STRING,
  f ROW<name STRING, gender STRING, birth_year INT, province STRING, `level` INT>,
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'hbase-2.2',
  'table-name' = 'dim_user'
);

INSERT INTO dim_user
SELECT CAST(user_id AS STRING), ROW(name, gender, birth_year, province, `level`)
FROM ods_user;
