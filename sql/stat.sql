--
-- hvtree_scan_stats, hvtree_scan_stats_reset and hvtree_prewarm
--

CREATE FUNCTION stat_vector(i int, dims int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, dims) j $$;

CREATE SCHEMA stat_schema;
CREATE TABLE stat_schema.counted (id int, v real[]) WITH (autovacuum_enabled = off);
-- out of line, uncompressed: every vector is read from TOAST
ALTER TABLE stat_schema.counted ALTER v SET STORAGE EXTERNAL;
INSERT INTO stat_schema.counted SELECT i, stat_vector(i, 600) FROM generate_series(1, 600) i;
CREATE INDEX counted_v ON stat_schema.counted USING hvtree (v);
CREATE TABLE uncounted (id int, v real[]);
CREATE INDEX uncounted_v ON uncounted USING hvtree (v);
SET enable_seqscan = off;
SET search_path = public, stat_schema;

CREATE FUNCTION stat_scans(times int, rows int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. times LOOP
		PERFORM id FROM counted ORDER BY v <-> stat_vector(i, 600) LIMIT rows;
	END LOOP;
END $$;

-- an index without scans has no row
SELECT count(*) FROM hvtree_scan_stats WHERE index IN ('counted_v'::regclass, 'uncounted_v'::regclass);

-- the row of one that has been scanned adds up
SELECT stat_scans(20, 7);
SELECT index, schemaname, relname, indexrelname, scans, leaves >= 20 AS leaves, codes_scored >= 20 * 7 AS codes,
	candidates >= 20 * 7 AS candidates, heap_fetches >= 20 * 7 AS fetches, rows_emitted
FROM hvtree_scan_stats WHERE index = 'counted_v'::regclass;
SELECT index_hit + index_read >= scans * 2 + leaves AS index_pages,
	heap_hit + heap_read > 0 AND heap_hit + heap_read <= heap_fetches * 2 AS heap_pages,
	toast_hit + toast_read >= scans AS toast_pages,
	index_hit_rate BETWEEN 0 AND 1 AND heap_hit_rate BETWEEN 0 AND 1 AS rates,
	toast_hit_rate = round(toast_hit::numeric / (toast_hit + toast_read), 4) AS toast_rate,
	pg_typeof(index_hit_rate) AS type
FROM hvtree_scan_stats WHERE index = 'counted_v'::regclass;
SELECT abs(mean_us - total_us / scans) < 1e-6 * mean_us AS mean, 0 < p50_us AND p50_us <= p95_us AND p95_us <= p99_us AS quantiles,
	prepare_us > 0 AND tree_us > 0 AND leaves_us > 0 AND rerank_us > 0 AS stages,
	prepare_us + tree_us + leaves_us + rerank_us <= total_us + 1 AS within, since BETWEEN now() - interval '1 day' AND clock_timestamp() AS since
FROM hvtree_scan_stats WHERE index = 'counted_v'::regclass;

-- hvtree_last_scan says the same of the last of them
SELECT scan.scan_us >= scan.prepare_us + scan.tree_us + scan.leaves_us + scan.rerank_us - 1 AS time,
	buffers_hit = scan.index_hit + scan.heap_hit + scan.toast_hit AS hit,
	buffers_read = scan.index_read + scan.heap_read + scan.toast_read AS read
FROM hvtree_last_scan() scan;

-- a rescan counts as a scan, a query that is never asked for a row does not
CREATE TEMP TABLE stat_before AS SELECT * FROM hvtree_scan_stats WHERE index = 'counted_v'::regclass;
SELECT count(*) FROM generate_series(1, 9) i, LATERAL (SELECT id FROM counted ORDER BY v <-> stat_vector(i, 600) LIMIT 1) n;
DO $$ BEGIN EXECUTE 'EXPLAIN SELECT id FROM counted ORDER BY v <-> stat_vector(1, 600) LIMIT 1'; END $$;
SELECT s.scans - b.scans AS scans, s.rows_emitted - b.rows_emitted AS rows, s.since = b.since AS since
FROM hvtree_scan_stats s JOIN stat_before b USING (index);

-- one that the cursor leaves open counts when it is closed
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM counted ORDER BY v <-> stat_vector(1, 600);
FETCH 3 FROM c;
SELECT s.scans - b.scans AS scans FROM hvtree_scan_stats s JOIN stat_before b USING (index);
CLOSE c;
SELECT s.scans - b.scans AS scans, s.rows_emitted - b.rows_emitted AS rows FROM hvtree_scan_stats s JOIN stat_before b USING (index);
COMMIT;

-- temporary tables: their buffers are local ones
CREATE TEMP TABLE counted_temp AS SELECT * FROM counted;
CREATE INDEX counted_temp_v ON counted_temp USING hvtree (v);
SELECT count(*) FROM (SELECT id FROM counted_temp ORDER BY v <-> stat_vector(1, 600) LIMIT 5) s;
SELECT relname, scans, index_hit + index_read > 0 AS index_pages, heap_hit + heap_read > 0 AS heap_pages, toast_hit + toast_read > 0 AS toast_pages
FROM hvtree_scan_stats WHERE index = 'counted_temp_v'::regclass;

-- nothing at all was read from the TOAST of a table that has none
CREATE TABLE counted_plain (v real[]);
INSERT INTO counted_plain SELECT stat_vector(i, 8) FROM generate_series(1, 100) i;
CREATE INDEX counted_plain_v ON counted_plain USING hvtree (v);
SELECT count(*) FROM (SELECT FROM counted_plain ORDER BY v <-> stat_vector(1, 8) LIMIT 5) s;
SELECT scans, toast_hit, toast_read, toast_hit_rate, heap_hit_rate IS NOT NULL AS heap FROM hvtree_scan_stats WHERE index = 'counted_plain_v'::regclass;

-- an index that is gone has no row; that of a REINDEX keeps it
REINDEX INDEX counted_plain_v;
SELECT scans FROM hvtree_scan_stats WHERE index = 'counted_plain_v'::regclass;
DROP TABLE counted_plain;
SELECT count(*) FROM hvtree_scan_stats WHERE relname = 'counted_plain';

-- reset
SELECT hvtree_scan_stats_reset('counted_v');
SELECT s.scans, s.heap_fetches, s.mean_us, s.p50_us, s.index_hit_rate, s.total_us, s.since > b.since AS later
FROM hvtree_scan_stats s JOIN stat_before b USING (index);
SELECT scans FROM hvtree_scan_stats WHERE index = 'counted_temp_v'::regclass;
SELECT stat_scans(2, 1);
SELECT scans, rows_emitted FROM hvtree_scan_stats WHERE index = 'counted_v'::regclass;
SELECT hvtree_scan_stats_reset();
SELECT relname, scans FROM hvtree_scan_stats WHERE relname LIKE 'counted%' ORDER BY relname;
SELECT scope IN ('server', 'session') AS scope, indexes BETWEEN 2 AND capacity AS indexes, capacity, forgotten_scans
FROM hvtree_scan_stats_info();

-- prewarm: level by level, then all
CREATE TABLE high (v real[]);
INSERT INTO high SELECT stat_vector(i, 8) FROM generate_series(1, 2000) i;
CREATE INDEX high_v ON high USING hvtree (v) WITH (leaf_size = 8, branching = 8, spill = off);
SELECT height >= 3 AS high,
	hvtree_prewarm('high_v', 0) = 2 AS metapage_and_mean,
	hvtree_prewarm('high_v', 1) = 3 AS and_root,
	hvtree_prewarm('high_v', 2) = 3 + level_pages[height] AS two_levels,
	hvtree_prewarm('high_v', 3) = 3 + level_pages[height] + level_pages[height - 1] AS three_levels,
	hvtree_prewarm('high_v', height) = 2 + (SELECT sum(n) FROM unnest(level_pages[2:]) n) AS all_but_leaves,
	hvtree_prewarm('high_v', height + 1) = 2 + (SELECT sum(n) FROM unnest(level_pages) n) AS the_tree,
	hvtree_prewarm('high_v', 2000000000) = 2 + (SELECT sum(n) FROM unnest(level_pages) n) AS no_more,
	hvtree_prewarm('high_v') = index_bytes / current_setting('block_size')::int AS everything,
	hvtree_prewarm('high_v', -7) = hvtree_prewarm('high_v', levels => -1) AS the_same
FROM hvtree_info('high_v');
SELECT n, hvtree_prewarm('uncounted_v', n) AS pages FROM generate_series(-1, 2) n;

-- who may what
CREATE ROLE regress_hv_stat;
GRANT USAGE ON SCHEMA stat_schema TO regress_hv_stat;
SELECT stat_scans(3, 1);
SET ROLE regress_hv_stat;
SELECT scans FROM hvtree_scan_stats WHERE indexrelname = 'counted_v';
SELECT scope <> '' AS scope FROM hvtree_scan_stats_info();
SELECT hvtree_scan_stats_reset('counted_v');
SELECT hvtree_scan_stats_reset();
SELECT hvtree_prewarm('counted_v');
RESET ROLE;
GRANT SELECT ON counted TO regress_hv_stat;
SET ROLE regress_hv_stat;
SELECT hvtree_prewarm('counted_v') > 0 AS may;
SELECT hvtree_scan_stats_reset('counted_v');
RESET ROLE;
ALTER TABLE counted OWNER TO regress_hv_stat;
SET ROLE regress_hv_stat;
SELECT hvtree_scan_stats_reset('counted_v');
SELECT scans FROM hvtree_scan_stats WHERE indexrelname = 'counted_v';
RESET ROLE;

-- what is no hvtree index
CREATE TABLE stat_other (id int PRIMARY KEY);
SELECT hvtree_scan_stats_reset('stat_other');
SELECT hvtree_scan_stats_reset('stat_other_pkey');
SELECT hvtree_prewarm('stat_other');
SELECT hvtree_prewarm('stat_other_pkey');
SELECT hvtree_scan_stats_reset(0::oid::regclass);
SELECT hvtree_prewarm(NULL), hvtree_prewarm('counted_v', NULL);

RESET search_path;
RESET enable_seqscan;
DROP TABLE counted_temp, stat_before, high, uncounted, stat_other;
DROP SCHEMA stat_schema CASCADE;
DROP FUNCTION stat_scans(int, int), stat_vector(int, int);
DROP ROLE regress_hv_stat;
