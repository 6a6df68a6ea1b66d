-- Store schema 5: analyses that clients of the service asked for, and the jobs that made them. Times
-- are milliseconds since 1970 UTC.

CREATE TABLE jobs (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run TEXT NOT NULL,
  request TEXT NOT NULL,
  answer TEXT NOT NULL,
  status TEXT NOT NULL,
  code TEXT,
  message TEXT NOT NULL,
  progress INTEGER NOT NULL,
  created INTEGER NOT NULL,
  started INTEGER,
  finished INTEGER,
  updated INTEGER NOT NULL
);

-- Runs that are kept as collections of their own, beside those of saved layers.
CREATE TABLE analyses (run TEXT NOT NULL PRIMARY KEY REFERENCES runs (id), kept INTEGER NOT NULL)
WITHOUT ROWID;
