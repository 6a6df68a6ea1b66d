-- Store schema 1. Codes and ids are small integers, which SQLite writes in as few bytes as they
-- need; texts stand once, in dictionaries.

CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What a record is of. Group, sub-type and lens are what the policy makes of the terms.
CREATE TABLE kinds (
  id INTEGER PRIMARY KEY,
  term TEXT NOT NULL,
  sub_type_term TEXT NOT NULL,
  record_source TEXT NOT NULL,
  offence_group TEXT,
  sub_type TEXT,
  lens TEXT NOT NULL,
  UNIQUE (term, sub_type_term, record_source)
);

-- The three dictionaries below are kept free of doubles by the writer, which knows every text
-- while it works; an index that nothing else uses would double their size.
CREATE TABLE places (id INTEGER PRIMARY KEY, text TEXT NOT NULL, uprn INTEGER);
CREATE TABLE small_areas (id INTEGER PRIMARY KEY, code TEXT NOT NULL);
CREATE TABLE outcomes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  rows_read INTEGER NOT NULL DEFAULT 0,
  rows_rejected INTEGER NOT NULL DEFAULT 0,
  rows_stored INTEGER NOT NULL DEFAULT 0,
  rows_updated INTEGER NOT NULL DEFAULT 0,
  first_ingested DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  last_ingested DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  UNIQUE (name, format)
);

-- The names of the codes that incidents carry.
CREATE TABLE time_precisions (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE location_bases (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- One record a row. A snapshot reads the columns up to `geom` and stops there. Minutes are local
-- civil minutes since 1970, half open; x_mm and y_mm are British National Grid millimetres; cell
-- is the H3 cell of resolution 9.
CREATE TABLE incidents (
  fid INTEGER PRIMARY KEY,
  from_minute INTEGER NOT NULL,
  to_minute INTEGER NOT NULL,
  precision INTEGER NOT NULL,
  basis INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  place INTEGER,
  x_mm INTEGER,
  y_mm INTEGER,
  geom POINT,
  grid_exact BOOLEAN,
  cell INTEGER,
  small_area INTEGER,
  outcome INTEGER,
  source INTEGER NOT NULL,
  key BLOB(16) NOT NULL
);
CREATE UNIQUE INDEX incidents_key ON incidents (key);
CREATE INDEX incidents_time ON incidents (from_minute);
CREATE INDEX incidents_cell ON incidents (cell);

CREATE TABLE areas (
  fid INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  vintage TEXT NOT NULL,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  geom MULTIPOLYGON NOT NULL,
  UNIQUE (kind, vintage, code)
);

CREATE TABLE sites (
  fid INTEGER PRIMARY KEY,
  class TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  geom POINT NOT NULL,
  UNIQUE (class, id)
);

CREATE TABLE layers (name TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL) WITHOUT ROWID;

-- A run never changes once it is here.
CREATE TABLE runs (
  id TEXT NOT NULL PRIMARY KEY,
  request TEXT NOT NULL,
  data_revision TEXT NOT NULL,
  engine TEXT NOT NULL,
  result TEXT NOT NULL
);

-- Which runs belong to which layer: two layers with the same request share their runs. The
-- highest sequence number of a layer is its latest run.
CREATE TABLE layer_runs (
  sequence INTEGER PRIMARY KEY,
  layer TEXT NOT NULL,
  run TEXT NOT NULL REFERENCES runs (id),
  UNIQUE (layer, run)
);
