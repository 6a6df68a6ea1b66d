-- The incidents with texts in place of codes. GeoPackage wants a declared type for every column of
-- a view, which only columns of tables have: so dates and times of day are joined, not computed.
-- `days` and `clock` are keyed by minutes: the first minute of each day, the minutes of a day.
CREATE VIEW incidents_readable AS
SELECT
  i.fid AS fid,
  i.geom AS geom,
  k.offence_group AS offence_group,
  k.term AS offence,
  k.sub_type AS sub_type,
  k.lens AS lens,
  k.record_source AS record_source,
  first_day.date AS first_day,
  first_time.time AS first_time,
  last_day.date AS last_day,
  last_time.time AS last_time,
  tp.name AS time_precision,
  p.text AS place,
  p.uprn AS uprn,
  lb.name AS location_basis,
  sa.code AS small_area,
  o.text AS outcome,
  s.name AS source_file
FROM incidents i
  JOIN kinds k ON k.id = i.kind
  JOIN time_precisions tp ON tp.id = i.precision
  JOIN location_bases lb ON lb.id = i.basis
  JOIN sources s ON s.id = i.source
  LEFT JOIN days first_day
    ON first_day.minute = i.from_minute - (i.from_minute % 1440 + 1440) % 1440
  LEFT JOIN days last_day
    ON last_day.minute = i.to_minute - 1 - ((i.to_minute - 1) % 1440 + 1440) % 1440
  LEFT JOIN clock first_time
    ON first_time.minute = (i.from_minute % 1440 + 1440) % 1440 AND tp.name IN ('instant', 'interval')
  LEFT JOIN clock last_time
    ON last_time.minute = ((i.to_minute - 1) % 1440 + 1440) % 1440 AND tp.name IN ('instant', 'interval')
  LEFT JOIN places p ON p.id = i.place
  LEFT JOIN small_areas sa ON sa.id = i.small_area
  LEFT JOIN outcomes o ON o.id = i.outcome;
