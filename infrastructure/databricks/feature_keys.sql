-- Primary keys of the feature tables, by which Databricks knows them as such. Run once after the
-- first run of the pipeline, in a SQL editor: USE CATALOG nyc311_dev; then these.
ALTER TABLE gold.daily_counts ADD CONSTRAINT daily_counts_key
  PRIMARY KEY (request_date, complaint_type, borough, agency);
ALTER TABLE gold.series ADD CONSTRAINT series_key PRIMARY KEY (series);
