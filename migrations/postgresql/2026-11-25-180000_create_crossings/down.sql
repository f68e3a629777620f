DROP TABLE zone_rollups;
DROP TABLE line_rollups;
ALTER TABLE samples DROP COLUMN scene;
DROP TABLE crossings;
