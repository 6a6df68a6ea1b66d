-- Store schema 2: harm schedules, each as a JSON document.

CREATE TABLE harm_schedules (id TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
