-- A spool of version 1, as becamera 0.1.0 wrote it while its database was away: one write of
-- each kind. The last one can't be read.
CREATE TABLE writes (id INTEGER PRIMARY KEY AUTOINCREMENT, is_sample INTEGER NOT NULL, added_at INTEGER NOT NULL, thinned INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL) STRICT;
CREATE INDEX others_than_samples ON writes (id) WHERE NOT is_sample;
INSERT INTO writes VALUES(1,1,1796099124,0,'{"sample":{"camera_id":1,"run":1883346419318784,"seq":12,"bucket_start":"2026-12-01T04:25:23Z","frames":5,"people_last":7,"people_min":7,"people_max":7,"people_sum":35,"covered_ms":1000,"inference_ms_mean":71.072174,"worker_id":"worker_1","scene":{"lines":[],"zones":[{"zone_id":"all","people_last":7,"people_min":6,"people_max":7,"people_sum":34,"entries":1,"exits":0,"dwell":[0,0,0,0,0,0,0,0,0],"dwell_sum_ms":0}]}}}');
INSERT INTO writes VALUES(3,0,1796099125,0,'{"audit":{"id":1796099125446099,"at":"2026-12-01T04:25:25.446099796Z","by":{"who":"127.0.0.1","address":"127.0.0.1"},"action":"camera.created","camera_id":2,"worker_id":null,"site_id":null,"changes":[{"field":"desired_state","from":null,"to":"stopped"},{"field":"name","from":null,"to":"two"},{"field":"source.loop","from":null,"to":false},{"field":"source.paced","from":null,"to":true},{"field":"stream_url","from":null,"to":"rtsp://***@127.0.0.1:9/2"}]}}');
INSERT INTO writes VALUES(4,0,1796099125,0,'{"save_camera":{"id":2,"name":"two","stream_url":"rtsp://user:pass@127.0.0.1:9/2","settings":"{\"detect\":{},\"source\":{\"loop\":false,\"paced\":true}}","desired_state":"stopped","created_at":1796099125446099,"updated_at":1796099125446099}}');
INSERT INTO writes VALUES(8,0,1796099125,0,'{"forget_camera":3}');
INSERT INTO writes VALUES(10,0,1796099125,0,'{"save_site":{"id":"bar","settings":{"name":"Bar","timezone":"UTC","reset_at":"04:00","capacity":null,"members":[{"camera_id":1,"line_id":"mid","invert":true}]},"created_at":"2026-12-01T04:25:25.617332656Z","updated_at":"2026-12-01T04:25:25.617332656Z"}}');
INSERT INTO writes VALUES(14,0,1796099125,0,'{"forget_site":"gone"}');
INSERT INTO writes VALUES(16,0,1796099125,0,'{"correct":{"id":1796099125721054,"site_id":"bar","at":"2026-12-01T04:25:25.721054666Z","change":{"set":7}}}');
INSERT INTO writes VALUES(19,0,1796099127,0,'{"crossing":{"camera_id":1,"run":1883346419318784,"seq":3,"line_id":"mid","direction":"in","direction_name":"in","track_id":8,"at":"2026-12-01T04:25:27.135577586Z","confidence":0.8842817}}');
INSERT INTO writes VALUES(20,0,1796099128,2,'not JSON');
