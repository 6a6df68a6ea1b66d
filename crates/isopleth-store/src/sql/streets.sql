-- The centre lines of streets. The source's own id; a street without a name has an empty one.
CREATE TABLE streets (
  fid INTEGER PRIMARY KEY,
  vintage TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  geom MULTILINESTRING NOT NULL,
  UNIQUE (vintage, id)
);
