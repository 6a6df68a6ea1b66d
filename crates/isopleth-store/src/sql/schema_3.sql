-- Store schema 3: the number that a site stands for.

ALTER TABLE sites ADD COLUMN number INTEGER;
