--
-- hvtree_info, hvtree_check and hvtree_last_scan
--

-- nothing was scanned in this session so far
SELECT num_nulls(index, level_pages, codes_scored, rerank_us) FROM hvtree_last_scan();

CREATE FUNCTION inspect_vector(i int, dims int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, dims) j $$;

CREATE TABLE inspected (id int, v real[]) WITH (autovacuum_enabled = off);

-- an index without rows
CREATE INDEX inspected_l2 ON inspected USING hvtree (v) WITH (spill = off);
SELECT hvtree_check('inspected_l2');
SELECT format_version, metric, dimensions, code_bits, height, rows, tuples, dead_tuples,
	spill_factor, level_pages, level_tuples, level_fill, centroid_pages, free_pages,
	index_bytes = pg_relation_size('inspected_l2') AS bytes_right, bytes_per_row
FROM hvtree_info('inspected_l2');

-- one that grows row by row, and one of each operator class built at once
INSERT INTO inspected SELECT i, inspect_vector(i, 24) FROM generate_series(1, 3000) i;
INSERT INTO inspected VALUES (0, NULL);
CREATE INDEX inspected_ip ON inspected USING hvtree (v real_ip_ops) WITH (spill = off);
CREATE INDEX inspected_cosine ON inspected USING hvtree (v real_cosine_ops)
	WITH (spill = on, leaf_size = 20, branching = 10);
VACUUM ANALYZE inspected;

-- all three must say of themselves what can be counted otherwise
CREATE VIEW inspected_stats AS
	SELECT c.relname, s.*, pg_relation_size(c.oid) AS size, hvtree_check(c.oid) AS checked
	FROM pg_class c, hvtree_info(c.oid) s WHERE c.relname ~ '^inspected_(l2|ip|cosine)$';

SELECT relname, metric, dimensions, code_bits, height > 0 AS has_levels, rows, tuples >= rows AS enough,
	tuples = rows AS without_copies, dead_tuples
FROM inspected_stats ORDER BY relname;

SELECT relname, size = index_bytes AS bytes_right, size / current_setting('block_size')::int = checked AS all_checked,
	abs(bytes_per_row - size / 3000.0) < 1e-6 AS per_row_right,
	abs(spill_factor - tuples / 3000.0) < 1e-6 AS factor_right,
	cardinality(level_pages) = height + 1 AND cardinality(level_tuples) = height + 1
	AND cardinality(level_fill) = height + 1 AS levels_right,
	level_tuples[1] = tuples AS leaves_right,
	level_pages[height + 1] = 1 AS one_root,
	level_pages[1:height] = level_tuples[2:] AS children_right,
	0 < ALL (level_fill) AND 1 >= ALL (level_fill) AS fill_right,
	centroid_pages > 0 AS has_centroids
FROM inspected_stats ORDER BY relname;

-- rows that nobody can see any more are dead, until VACUUM takes them
DELETE FROM inspected WHERE id % 10 = 3;
SELECT relname, rows, dead_tuples = tuples - tuples * 9 / 10 AS a_tenth
FROM inspected_stats WHERE relname <> 'inspected_cosine' ORDER BY relname;
SELECT dead_tuples BETWEEN 300 AND 600 FROM inspected_stats WHERE relname = 'inspected_cosine';
VACUUM inspected;
SELECT relname, rows, dead_tuples FROM inspected_stats ORDER BY relname;

-- a transaction that can still be rolled back kills nobody
BEGIN;
DELETE FROM inspected WHERE id % 10 = 4;
SELECT sum(dead_tuples) FROM inspected_stats;
ROLLBACK;

-- an update leaves a dead tuple behind and adds one
UPDATE inspected SET v = inspect_vector(id + 5000, 24) WHERE id % 10 = 5;
SELECT relname, rows, dead_tuples FROM inspected_stats WHERE relname = 'inspected_l2';
TRUNCATE inspected;
SELECT relname, dimensions, rows, dead_tuples, checked FROM inspected_stats ORDER BY relname;

-- the last scan
INSERT INTO inspected SELECT i, inspect_vector(i, 24) FROM generate_series(1, 1000) i;
SET enable_seqscan = off;
SELECT count(*) FROM
	(SELECT id FROM inspected ORDER BY v <-> inspect_vector(77, 24) LIMIT 7) s;
SELECT index, cardinality(level_pages) = height + 1 AS levels_right,
	cardinality(scan.level_tuples) = height + 1 AS tuples_right,
	codes_scored >= 7 AS scored, heap_fetches >= 7 AS fetched, rows_emitted,
	buffers_hit + buffers_read > 0 AS buffers,
	prepare_us >= 0 AND tree_us >= 0 AND leaves_us > 0 AND rerank_us > 0 AS times
FROM hvtree_last_scan() scan, LATERAL (SELECT height FROM hvtree_info(scan.index)) stats;
RESET enable_seqscan;

-- what is no hvtree index, or not one to look into
CREATE INDEX inspected_id ON inspected (id);
SELECT hvtree_info('inspected');
SELECT hvtree_check('inspected_id');
SELECT hvtree_check('inspected_stats');
SELECT hvtree_check(0);
SELECT hvtree_info(NULL) IS NULL AS null_for_null;

CREATE TABLE inspected_parts (id int, v real[]) PARTITION BY RANGE (id);
CREATE TABLE inspected_part PARTITION OF inspected_parts FOR VALUES FROM (0) TO (100);
CREATE INDEX inspected_parts_v ON inspected_parts USING hvtree (v);
INSERT INTO inspected_parts SELECT i, inspect_vector(i, 4) FROM generate_series(1, 9) i;
SELECT hvtree_check('inspected_parts_v');
SELECT hvtree_check('inspected_part_v_idx');
SELECT rows FROM hvtree_info('inspected_part_v_idx');

CREATE INDEX CONCURRENTLY inspected_invalid ON inspected
	USING hvtree ((array_fill((1 / (id - 5))::real, ARRAY[3])));
SELECT hvtree_info('inspected_invalid');
SELECT hvtree_check('inspected_invalid');

-- those may look who may read the table, or all statistics
CREATE ROLE regress_hvtree_reader;
SET ROLE regress_hvtree_reader;
SELECT hvtree_check('inspected_l2');
SELECT hvtree_info('inspected_l2');
RESET ROLE;
GRANT SELECT ON inspected TO regress_hvtree_reader;
SET ROLE regress_hvtree_reader;
SELECT rows FROM hvtree_info('inspected_l2');
RESET ROLE;
REVOKE SELECT ON inspected FROM regress_hvtree_reader;
GRANT pg_read_all_stats TO regress_hvtree_reader;
SET ROLE regress_hvtree_reader;
SELECT rows FROM hvtree_info('inspected_l2');
RESET ROLE;
DROP ROLE regress_hvtree_reader;

DROP VIEW inspected_stats;
DROP TABLE inspected, inspected_parts;
DROP FUNCTION inspect_vector;
