-- Store schema 4: tables of ready-made counts, each as a JSON document.

CREATE TABLE count_tables (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
