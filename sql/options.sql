--
-- Options of an index
--

CREATE TABLE optioned (v real[]);
CREATE INDEX optioned_v ON optioned USING hvtree (v) WITH (target_recall = 0.9, spill = on, leaf_size = 8);
SELECT reloptions FROM pg_class WHERE relname = 'optioned_v';

-- those of other vector indexes, and none at all
CREATE INDEX ON optioned USING hvtree (v) WITH (m = 16);
CREATE INDEX ON optioned USING hvtree (v) WITH (ef_construction = 64, m = 16);
CREATE INDEX ON optioned USING hvtree (v) WITH (lists = 100);
CREATE INDEX ON optioned USING hvtree (v) WITH (target_recal = 0.9);
CREATE INDEX ON optioned USING hvtree (v) WITH (fillfactor = 70);
ALTER INDEX optioned_v SET (ef_search = 100);
ALTER INDEX optioned_v SET (probes = 3);
ALTER INDEX optioned_v RESET (probes, leaf_size, no_such_option);
SELECT reloptions FROM pg_class WHERE relname = 'optioned_v';

-- the wrong kind of value
CREATE INDEX ON optioned USING hvtree (v) WITH (probes = many);
CREATE INDEX ON optioned USING hvtree (v) WITH (spill = sometimes);
CREATE INDEX ON optioned USING hvtree (v) WITH (target_recall = 'high');

DROP TABLE optioned;
