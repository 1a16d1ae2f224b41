/* extension/hvindex--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION hvindex" to load this file. \quit

--
-- Distances between vectors of real[]
--
-- COST: at 1,024 dimensions a call took 0.9 us with the vector stored in place
-- and 3 us with it in the TOAST table, 0.25 us at 128 dimensions, where one
-- cpu_operator_cost (a fifth of the price of reading a row of integers) was
-- about 7 ns.
--

CREATE FUNCTION l2_distance(pg_catalog.float4[], pg_catalog.float4[])
RETURNS pg_catalog.float8
AS 'MODULE_PATHNAME', 'hv_real_l2_distance'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION l2_distance(pg_catalog.float4[], pg_catalog.float4[])
IS 'Euclidean distance of two vectors';

CREATE FUNCTION inner_product(pg_catalog.float4[], pg_catalog.float4[])
RETURNS pg_catalog.float8
AS 'MODULE_PATHNAME', 'hv_real_inner_product'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION inner_product(pg_catalog.float4[], pg_catalog.float4[])
IS 'inner product of two vectors';

CREATE FUNCTION negative_inner_product(pg_catalog.float4[], pg_catalog.float4[])
RETURNS pg_catalog.float8
AS 'MODULE_PATHNAME', 'hv_real_negative_inner_product'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION negative_inner_product(pg_catalog.float4[], pg_catalog.float4[])
IS 'inner product of two vectors times -1: the nearer, the smaller';

CREATE FUNCTION cosine_distance(pg_catalog.float4[], pg_catalog.float4[])
RETURNS pg_catalog.float8
AS 'MODULE_PATHNAME', 'hv_real_cosine_distance'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;

COMMENT ON FUNCTION cosine_distance(pg_catalog.float4[], pg_catalog.float4[])
IS '1 minus the cosine of the angle between two vectors, NaN for a zero vector';

CREATE OPERATOR <-> (
	FUNCTION = l2_distance,
	LEFTARG = pg_catalog.float4[], RIGHTARG = pg_catalog.float4[],
	COMMUTATOR = <->
);

COMMENT ON OPERATOR <-> (pg_catalog.float4[], pg_catalog.float4[])
IS 'Euclidean distance';

CREATE OPERATOR <#> (
	FUNCTION = negative_inner_product,
	LEFTARG = pg_catalog.float4[], RIGHTARG = pg_catalog.float4[],
	COMMUTATOR = <#>
);

COMMENT ON OPERATOR <#> (pg_catalog.float4[], pg_catalog.float4[])
IS 'negative inner product';

CREATE OPERATOR <=> (
	FUNCTION = cosine_distance,
	LEFTARG = pg_catalog.float4[], RIGHTARG = pg_catalog.float4[],
	COMMUTATOR = <=>
);

COMMENT ON OPERATOR <=> (pg_catalog.float4[], pg_catalog.float4[])
IS 'cosine distance';

--
-- The access method
--

CREATE FUNCTION hvtree_handler(pg_catalog.internal)
RETURNS pg_catalog.index_am_handler
AS 'MODULE_PATHNAME'
LANGUAGE C;

COMMENT ON FUNCTION hvtree_handler(pg_catalog.internal)
IS 'hvtree index access method handler';

CREATE ACCESS METHOD hvtree TYPE INDEX HANDLER hvtree_handler;

COMMENT ON ACCESS METHOD hvtree
IS 'hierarchical k-means tree of binary codes, for nearest neighbours of vectors';

--
-- Support functions 1: type and metric of an operator class
--

CREATE FUNCTION hvtree_real_l2_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_real_l2_support(pg_catalog.internal)
IS 'hvtree support for Euclidean distance on real[]';

CREATE FUNCTION hvtree_real_ip_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_real_ip_support(pg_catalog.internal)
IS 'hvtree support for negative inner product on real[]';

CREATE FUNCTION hvtree_real_cosine_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_real_cosine_support(pg_catalog.internal)
IS 'hvtree support for cosine distance on real[]';

--
-- Operator classes
--

CREATE OPERATOR CLASS real_l2_ops
DEFAULT FOR TYPE pg_catalog.float4[] USING hvtree AS
	OPERATOR 1 <-> (pg_catalog.float4[], pg_catalog.float4[])
		FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 hvtree_real_l2_support(pg_catalog.internal);

COMMENT ON OPERATOR CLASS real_l2_ops USING hvtree
IS 'real[] by Euclidean distance';
COMMENT ON OPERATOR FAMILY real_l2_ops USING hvtree
IS 'real[] by Euclidean distance';

CREATE OPERATOR CLASS real_ip_ops
FOR TYPE pg_catalog.float4[] USING hvtree AS
	OPERATOR 1 <#> (pg_catalog.float4[], pg_catalog.float4[])
		FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 hvtree_real_ip_support(pg_catalog.internal);

COMMENT ON OPERATOR CLASS real_ip_ops USING hvtree
IS 'real[] by inner product, largest first';
COMMENT ON OPERATOR FAMILY real_ip_ops USING hvtree
IS 'real[] by inner product, largest first';

CREATE OPERATOR CLASS real_cosine_ops
FOR TYPE pg_catalog.float4[] USING hvtree AS
	OPERATOR 1 <=> (pg_catalog.float4[], pg_catalog.float4[])
		FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 hvtree_real_cosine_support(pg_catalog.internal);

COMMENT ON OPERATOR CLASS real_cosine_ops USING hvtree
IS 'real[] by cosine distance';
COMMENT ON OPERATOR FAMILY real_cosine_ops USING hvtree
IS 'real[] by cosine distance';

--
-- Looking into an index
--

CREATE FUNCTION hvtree_info(
	index pg_catalog.regclass,
	OUT format_version pg_catalog.int4,
	OUT metric pg_catalog.text,
	OUT dimensions pg_catalog.int4,
	OUT code_bits pg_catalog.int4,
	OUT height pg_catalog.int4,
	OUT rows pg_catalog.int8,
	OUT tuples pg_catalog.int8,
	OUT dead_tuples pg_catalog.int8,
	OUT spill_factor pg_catalog.float8,
	OUT level_pages pg_catalog.int8[],
	OUT level_tuples pg_catalog.int8[],
	OUT level_fill pg_catalog.float8[],
	OUT centroid_pages pg_catalog.int8,
	OUT free_pages pg_catalog.int8,
	OUT index_bytes pg_catalog.int8,
	OUT bytes_per_row pg_catalog.float8,
	OUT leaf_fill_histogram pg_catalog.int8[],
	OUT misplaced pg_catalog.float8,
	OUT centroid_age pg_catalog.float8,
	OUT maintenance_due pg_catalog.bool,
	OUT calibrated_rows pg_catalog.int8,
	OUT calibration pg_catalog.jsonb)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hvtree_info(pg_catalog.regclass)
IS 'shape, sizes and state of an hvtree index, read from its pages and a sample of its rows';

-- it writes, as VACUUM does: not for parallel plans
CREATE FUNCTION hvtree_maintain(
	index pg_catalog.regclass,
	budget pg_catalog.int8 DEFAULT -1,
	OUT pages_visited pg_catalog.int8,
	OUT rows_read pg_catalog.int8,
	OUT rows_moved pg_catalog.int8,
	OUT centroids_moved pg_catalog.int8,
	OUT pages_merged pg_catalog.int8,
	OUT pages_freed pg_catalog.int8,
	OUT levels_removed pg_catalog.int4,
	OUT complete pg_catalog.bool)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION hvtree_maintain(pg_catalog.regclass, pg_catalog.int8)
IS 'looks after every leaf of an hvtree index, from where the last run ended, reading about so many rows';

CREATE FUNCTION hvtree_calibrate(
	index pg_catalog.regclass)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'hvtree_calibrate_rows'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION hvtree_calibrate(pg_catalog.regclass)
IS 'measures how far scans of an hvtree index must look, with rows of its table as queries; returns how many';

CREATE FUNCTION hvtree_calibrate(
	index pg_catalog.regclass,
	queries pg_catalog.text)
RETURNS pg_catalog.int4
AS 'MODULE_PATHNAME', 'hvtree_calibrate_queries'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION hvtree_calibrate(pg_catalog.regclass, pg_catalog.text)
IS 'measures how far scans of an hvtree index must look, with the vectors that a query returns; returns how many were used';

CREATE FUNCTION hvtree_check(
	index pg_catalog.regclass,
	heapallindexed pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hvtree_check(pg_catalog.regclass, pg_catalog.bool)
IS 'checks every page of an hvtree index, and whether it has all rows of its table if heapallindexed; an error names what is broken; returns the pages checked';

-- inserts that split a page wait for it
REVOKE ALL ON FUNCTION hvtree_check(pg_catalog.regclass, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hvtree_check(pg_catalog.regclass, pg_catalog.bool) TO pg_stat_scan_tables;
GRANT EXECUTE ON FUNCTION hvtree_check(pg_catalog.regclass, pg_catalog.bool) TO @extowner@ WITH GRANT OPTION;

DO $grant$
BEGIN
	IF pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.>=) 170000 THEN
		GRANT EXECUTE ON FUNCTION hvtree_check(pg_catalog.regclass, pg_catalog.bool) TO pg_maintain;
	END IF;
END
$grant$;

CREATE FUNCTION hvtree_last_scan(
	OUT index pg_catalog.regclass,
	OUT level_pages pg_catalog.int4[],
	OUT level_tuples pg_catalog.int4[],
	OUT codes_scored pg_catalog.int8,
	OUT candidates pg_catalog.int8,
	OUT heap_fetches pg_catalog.int8,
	OUT rows_emitted pg_catalog.int8,
	OUT buffers_hit pg_catalog.int8,
	OUT buffers_read pg_catalog.int8,
	OUT prepare_us pg_catalog.float8,
	OUT tree_us pg_catalog.float8,
	OUT leaves_us pg_catalog.float8,
	OUT rerank_us pg_catalog.float8,
	OUT scan_us pg_catalog.float8,
	OUT index_hit pg_catalog.int8,
	OUT index_read pg_catalog.int8,
	OUT heap_hit pg_catalog.int8,
	OUT heap_read pg_catalog.int8,
	OUT toast_hit pg_catalog.int8,
	OUT toast_read pg_catalog.int8)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hvtree_last_scan()
IS 'what the last finished hvtree scan of this session did, level by level';

CREATE FUNCTION hvtree_recall(
	index pg_catalog.regclass,
	k pg_catalog.int4 DEFAULT 10,
	queries pg_catalog.int4 DEFAULT 100,
	OUT recall pg_catalog.float8,
	OUT recall_low pg_catalog.float8,
	OUT recall_high pg_catalog.float8,
	OUT queries_answered pg_catalog.int4,
	OUT neighbors pg_catalog.int4,
	OUT mean_leaves pg_catalog.float8,
	OUT mean_fetches pg_catalog.float8,
	OUT median_us pg_catalog.float8,
	OUT exact_us pg_catalog.float8)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'hvtree_recall_sample'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION hvtree_recall(pg_catalog.regclass, pg_catalog.int4, pg_catalog.int4)
IS 'recall of an hvtree index with the present settings, measured with rows of its table as queries';

CREATE FUNCTION hvtree_recall(
	index pg_catalog.regclass,
	queries pg_catalog.text,
	k pg_catalog.int4 DEFAULT 10,
	OUT recall pg_catalog.float8,
	OUT recall_low pg_catalog.float8,
	OUT recall_high pg_catalog.float8,
	OUT queries_answered pg_catalog.int4,
	OUT neighbors pg_catalog.int4,
	OUT mean_leaves pg_catalog.float8,
	OUT mean_fetches pg_catalog.float8,
	OUT median_us pg_catalog.float8,
	OUT exact_us pg_catalog.float8)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME', 'hvtree_recall_query'
LANGUAGE C STRICT VOLATILE;

COMMENT ON FUNCTION hvtree_recall(pg_catalog.regclass, pg_catalog.text, pg_catalog.int4)
IS 'recall of an hvtree index with the present settings, measured with the vectors that a query returns';

--
-- Statistics of scans, and the cache
--

CREATE FUNCTION hvtree_scan_stats_get(
	OUT index pg_catalog.oid,
	OUT scans pg_catalog.int8,
	OUT leaves pg_catalog.int8,
	OUT codes_scored pg_catalog.int8,
	OUT candidates pg_catalog.int8,
	OUT heap_fetches pg_catalog.int8,
	OUT rows_emitted pg_catalog.int8,
	OUT index_hit pg_catalog.int8,
	OUT index_read pg_catalog.int8,
	OUT heap_hit pg_catalog.int8,
	OUT heap_read pg_catalog.int8,
	OUT toast_hit pg_catalog.int8,
	OUT toast_read pg_catalog.int8,
	OUT index_hit_rate pg_catalog.numeric,
	OUT heap_hit_rate pg_catalog.numeric,
	OUT toast_hit_rate pg_catalog.numeric,
	OUT mean_us pg_catalog.float8,
	OUT p50_us pg_catalog.float8,
	OUT p95_us pg_catalog.float8,
	OUT p99_us pg_catalog.float8,
	OUT total_us pg_catalog.float8,
	OUT prepare_us pg_catalog.float8,
	OUT tree_us pg_catalog.float8,
	OUT leaves_us pg_catalog.float8,
	OUT rerank_us pg_catalog.float8,
	OUT since pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION hvtree_scan_stats_get()
IS 'what scans have done, by index of this database, dropped ones included; see the view hvtree_scan_stats';

CREATE VIEW hvtree_scan_stats AS
SELECT i.indexrelid::pg_catalog.regclass AS index, n.nspname AS schemaname, t.relname, c.relname AS indexrelname,
	s.scans, s.leaves, s.codes_scored, s.candidates, s.heap_fetches, s.rows_emitted,
	s.index_hit, s.index_read, s.heap_hit, s.heap_read, s.toast_hit, s.toast_read,
	s.index_hit_rate, s.heap_hit_rate, s.toast_hit_rate, s.mean_us, s.p50_us, s.p95_us, s.p99_us,
	s.total_us, s.prepare_us, s.tree_us, s.leaves_us, s.rerank_us, s.since
FROM hvtree_scan_stats_get() s
	JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) s.index
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
	JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) i.indrelid
	JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace;

COMMENT ON VIEW hvtree_scan_stats
IS 'what scans have done, a row for each hvtree index of this database that has been scanned';

GRANT SELECT ON hvtree_scan_stats TO PUBLIC;

CREATE FUNCTION hvtree_scan_stats_info(
	OUT scope pg_catalog.text,
	OUT indexes pg_catalog.int4,
	OUT capacity pg_catalog.int4,
	OUT forgotten_scans pg_catalog.int8)
RETURNS pg_catalog.record
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hvtree_scan_stats_info()
IS 'whose scans hvtree_scan_stats counts, of the server or of this session, and how full its table is';

CREATE FUNCTION hvtree_scan_stats_reset(index pg_catalog.regclass DEFAULT NULL)
RETURNS pg_catalog.void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;

COMMENT ON FUNCTION hvtree_scan_stats_reset(pg_catalog.regclass)
IS 'lets the counts of an index in hvtree_scan_stats begin anew, or those of all indexes of this database';

CREATE FUNCTION hvtree_prewarm(
	index pg_catalog.regclass,
	levels pg_catalog.int4 DEFAULT -1)
RETURNS pg_catalog.int8
AS 'MODULE_PATHNAME'
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hvtree_prewarm(pg_catalog.regclass, pg_catalog.int4)
IS 'reads all pages of an hvtree index into the cache, or so many levels from the root; returns how many pages';
