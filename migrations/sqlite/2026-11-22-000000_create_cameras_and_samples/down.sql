DROP TABLE samples;
DROP TABLE cameras;
