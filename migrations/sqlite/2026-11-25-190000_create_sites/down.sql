ALTER TABLE audit DROP COLUMN site_id;
DROP TABLE site_corrections;
DROP TABLE sites;
