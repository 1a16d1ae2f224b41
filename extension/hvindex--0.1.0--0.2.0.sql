/* extension/hvindex--0.1.0--0.2.0.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION hvindex UPDATE TO '0.2.0'" to load this file. \quit

--
-- Operator classes of key columns, which follow the vector
--

CREATE OPERATOR FAMILY integer_ops USING hvtree;
CREATE OPERATOR FAMILY float_ops USING hvtree;
CREATE OPERATOR FAMILY datetime_ops USING hvtree;

CREATE FUNCTION hvtree_int2_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_int2_key(pg_catalog.internal)
IS 'hvtree support for key columns of smallint';

CREATE OPERATOR CLASS int2_ops
DEFAULT FOR TYPE pg_catalog.int2 USING hvtree FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_int2_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS int2_ops USING hvtree
IS 'key column of smallint';

CREATE FUNCTION hvtree_int4_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_int4_key(pg_catalog.internal)
IS 'hvtree support for key columns of integer';

CREATE OPERATOR CLASS int4_ops
DEFAULT FOR TYPE pg_catalog.int4 USING hvtree FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_int4_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS int4_ops USING hvtree
IS 'key column of integer';

CREATE FUNCTION hvtree_int8_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_int8_key(pg_catalog.internal)
IS 'hvtree support for key columns of bigint';

CREATE OPERATOR CLASS int8_ops
DEFAULT FOR TYPE pg_catalog.int8 USING hvtree FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_int8_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS int8_ops USING hvtree
IS 'key column of bigint';

CREATE FUNCTION hvtree_oid_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_oid_key(pg_catalog.internal)
IS 'hvtree support for key columns of oid';

CREATE OPERATOR CLASS oid_ops
DEFAULT FOR TYPE pg_catalog.oid USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_oid_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS oid_ops USING hvtree
IS 'key column of oid';

CREATE FUNCTION hvtree_bool_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_bool_key(pg_catalog.internal)
IS 'hvtree support for key columns of boolean';

CREATE OPERATOR CLASS bool_ops
DEFAULT FOR TYPE pg_catalog.bool USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_bool_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS bool_ops USING hvtree
IS 'key column of boolean';

CREATE FUNCTION hvtree_char_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_char_key(pg_catalog.internal)
IS 'hvtree support for key columns of "char"';

CREATE OPERATOR CLASS char_ops
DEFAULT FOR TYPE pg_catalog."char" USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_char_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS char_ops USING hvtree
IS 'key column of "char"';

CREATE FUNCTION hvtree_float4_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_float4_key(pg_catalog.internal)
IS 'hvtree support for key columns of real';

CREATE OPERATOR CLASS float4_ops
DEFAULT FOR TYPE pg_catalog.float4 USING hvtree FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_float4_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS float4_ops USING hvtree
IS 'key column of real';

CREATE FUNCTION hvtree_float8_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_float8_key(pg_catalog.internal)
IS 'hvtree support for key columns of double precision';

CREATE OPERATOR CLASS float8_ops
DEFAULT FOR TYPE pg_catalog.float8 USING hvtree FAMILY float_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_float8_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS float8_ops USING hvtree
IS 'key column of double precision';

CREATE FUNCTION hvtree_numeric_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_numeric_key(pg_catalog.internal)
IS 'hvtree support for key columns of numeric';

CREATE OPERATOR CLASS numeric_ops
DEFAULT FOR TYPE pg_catalog.numeric USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_numeric_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS numeric_ops USING hvtree
IS 'key column of numeric';

CREATE FUNCTION hvtree_date_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_date_key(pg_catalog.internal)
IS 'hvtree support for key columns of date';

CREATE OPERATOR CLASS date_ops
DEFAULT FOR TYPE pg_catalog.date USING hvtree FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_date_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS date_ops USING hvtree
IS 'key column of date';

CREATE FUNCTION hvtree_timestamp_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_timestamp_key(pg_catalog.internal)
IS 'hvtree support for key columns of timestamp';

CREATE OPERATOR CLASS timestamp_ops
DEFAULT FOR TYPE pg_catalog.timestamp USING hvtree FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_timestamp_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS timestamp_ops USING hvtree
IS 'key column of timestamp';

CREATE FUNCTION hvtree_timestamptz_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_timestamptz_key(pg_catalog.internal)
IS 'hvtree support for key columns of timestamp with time zone';

CREATE OPERATOR CLASS timestamptz_ops
DEFAULT FOR TYPE pg_catalog.timestamptz USING hvtree FAMILY datetime_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_timestamptz_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS timestamptz_ops USING hvtree
IS 'key column of timestamp with time zone';

CREATE FUNCTION hvtree_time_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_time_key(pg_catalog.internal)
IS 'hvtree support for key columns of time';

CREATE OPERATOR CLASS time_ops
DEFAULT FOR TYPE pg_catalog.time USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_time_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS time_ops USING hvtree
IS 'key column of time';

CREATE FUNCTION hvtree_uuid_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_uuid_key(pg_catalog.internal)
IS 'hvtree support for key columns of uuid';

CREATE OPERATOR CLASS uuid_ops
DEFAULT FOR TYPE pg_catalog.uuid USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_uuid_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS uuid_ops USING hvtree
IS 'key column of uuid';

CREATE FUNCTION hvtree_text_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_text_key(pg_catalog.internal)
IS 'hvtree support for key columns of text and varchar';

CREATE OPERATOR CLASS text_ops
DEFAULT FOR TYPE pg_catalog.text USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_text_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS text_ops USING hvtree
IS 'key column of text and varchar';

CREATE FUNCTION hvtree_bpchar_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_bpchar_key(pg_catalog.internal)
IS 'hvtree support for key columns of char(n)';

CREATE OPERATOR CLASS bpchar_ops
DEFAULT FOR TYPE pg_catalog.bpchar USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_bpchar_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS bpchar_ops USING hvtree
IS 'key column of char(n)';

CREATE FUNCTION hvtree_bytea_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_bytea_key(pg_catalog.internal)
IS 'hvtree support for key columns of bytea';

CREATE OPERATOR CLASS bytea_ops
DEFAULT FOR TYPE pg_catalog.bytea USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_bytea_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS bytea_ops USING hvtree
IS 'key column of bytea';

CREATE FUNCTION hvtree_enum_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_enum_key(pg_catalog.internal)
IS 'hvtree support for key columns of any enum';

CREATE OPERATOR CLASS enum_ops
DEFAULT FOR TYPE pg_catalog.anyenum USING hvtree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 2 hvtree_enum_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS enum_ops USING hvtree
IS 'key column of any enum';

CREATE FUNCTION hvtree_array_key(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_array_key(pg_catalog.internal)
IS 'hvtree support for key columns of any array';

CREATE OPERATOR CLASS array_ops
DEFAULT FOR TYPE pg_catalog.anyarray USING hvtree AS
	OPERATOR 6 &&,
	OPERATOR 7 @>,
	FUNCTION 2 hvtree_array_key(pg_catalog.internal);

COMMENT ON OPERATOR CLASS array_ops USING hvtree
IS 'key column of any array';

ALTER OPERATOR FAMILY integer_ops USING hvtree ADD
	OPERATOR 1 < (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 2 <= (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 3 = (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 4 >= (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 5 > (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 1 < (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 2 <= (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 3 = (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 4 >= (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 5 > (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 1 < (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 2 <= (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 3 = (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 4 >= (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 5 > (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 1 < (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 2 <= (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 3 = (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 4 >= (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 5 > (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 1 < (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 2 <= (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 3 = (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 4 >= (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 5 > (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 1 < (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 2 <= (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 3 = (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 4 >= (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 5 > (pg_catalog.int8, pg_catalog.int4);

ALTER OPERATOR FAMILY float_ops USING hvtree ADD
	OPERATOR 1 < (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 2 <= (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 3 = (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 4 >= (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 5 > (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 1 < (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 2 <= (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 3 = (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 4 >= (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 5 > (pg_catalog.float8, pg_catalog.float4);

ALTER OPERATOR FAMILY datetime_ops USING hvtree ADD
	OPERATOR 1 < (pg_catalog.date, pg_catalog.timestamp),
	OPERATOR 2 <= (pg_catalog.date, pg_catalog.timestamp),
	OPERATOR 3 = (pg_catalog.date, pg_catalog.timestamp),
	OPERATOR 4 >= (pg_catalog.date, pg_catalog.timestamp),
	OPERATOR 5 > (pg_catalog.date, pg_catalog.timestamp),
	OPERATOR 1 < (pg_catalog.timestamp, pg_catalog.date),
	OPERATOR 2 <= (pg_catalog.timestamp, pg_catalog.date),
	OPERATOR 3 = (pg_catalog.timestamp, pg_catalog.date),
	OPERATOR 4 >= (pg_catalog.timestamp, pg_catalog.date),
	OPERATOR 5 > (pg_catalog.timestamp, pg_catalog.date),
	OPERATOR 1 < (pg_catalog.timestamptz, pg_catalog.date),
	OPERATOR 2 <= (pg_catalog.timestamptz, pg_catalog.date),
	OPERATOR 3 = (pg_catalog.timestamptz, pg_catalog.date),
	OPERATOR 4 >= (pg_catalog.timestamptz, pg_catalog.date),
	OPERATOR 5 > (pg_catalog.timestamptz, pg_catalog.date),
	OPERATOR 1 < (pg_catalog.timestamptz, pg_catalog.timestamp),
	OPERATOR 2 <= (pg_catalog.timestamptz, pg_catalog.timestamp),
	OPERATOR 3 = (pg_catalog.timestamptz, pg_catalog.timestamp),
	OPERATOR 4 >= (pg_catalog.timestamptz, pg_catalog.timestamp),
	OPERATOR 5 > (pg_catalog.timestamptz, pg_catalog.timestamp);

COMMENT ON OPERATOR FAMILY array_ops USING hvtree
IS 'key columns of any array';
COMMENT ON OPERATOR FAMILY bool_ops USING hvtree
IS 'key columns of boolean';
COMMENT ON OPERATOR FAMILY bpchar_ops USING hvtree
IS 'key columns of char(n)';
COMMENT ON OPERATOR FAMILY bytea_ops USING hvtree
IS 'key columns of bytea';
COMMENT ON OPERATOR FAMILY char_ops USING hvtree
IS 'key columns of "char"';
COMMENT ON OPERATOR FAMILY datetime_ops USING hvtree
IS 'key columns of date, timestamp and timestamp with time zone';
COMMENT ON OPERATOR FAMILY enum_ops USING hvtree
IS 'key columns of any enum';
COMMENT ON OPERATOR FAMILY float_ops USING hvtree
IS 'key columns of real and double precision';
COMMENT ON OPERATOR FAMILY integer_ops USING hvtree
IS 'key columns of smallint, integer and bigint';
COMMENT ON OPERATOR FAMILY numeric_ops USING hvtree
IS 'key columns of numeric';
COMMENT ON OPERATOR FAMILY oid_ops USING hvtree
IS 'key columns of oid';
COMMENT ON OPERATOR FAMILY text_ops USING hvtree
IS 'key columns of text and varchar';
COMMENT ON OPERATOR FAMILY time_ops USING hvtree
IS 'key columns of time';
COMMENT ON OPERATOR FAMILY uuid_ops USING hvtree
IS 'key columns of uuid';

--
-- Is an index well, and what did a query do
--

-- names are looked up in pg_catalog, and the extension may be in any schema
CREATE FUNCTION hvtree_health(
	index pg_catalog.regclass,
	OUT what pg_catalog.text,
	OUT state pg_catalog.text,
	OUT value pg_catalog.text,
	OUT advice pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE plpgsql STRICT VOLATILE PARALLEL RESTRICTED ROWS 8
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
	home name := (SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
		WHERE extname = 'hvindex');
	heap regclass := (SELECT indrelid::regclass FROM pg_index WHERE indexrelid = $1);
	keys bool := (SELECT indnkeyatts > 1 FROM pg_index WHERE indexrelid = $1);
	page bigint := current_setting('block_size')::bigint;
	buffers bigint := (SELECT setting::bigint * page FROM pg_settings WHERE name = 'shared_buffers');
	i record;
	scans record;
	expected record;
	aimed float8;
	dead float8;
	free float8;
	queries int;
BEGIN
	EXECUTE format('SELECT * FROM %I.hvtree_info($1)', home) INTO i USING $1;
	EXECUTE format('SELECT s.*, s.index_hit + s.index_read AS index_pages FROM %I.hvtree_scan_stats s WHERE s.index = $1', home)
		INTO scans USING $1;
	-- what the index says wins, as in scans
	aimed := coalesce(
		(SELECT option_value::float8 FROM pg_class c, pg_options_to_table(c.reloptions)
		 WHERE c.oid = $1 AND option_name = 'target_recall'),
		current_setting('hvtree.target_recall', true)::float8);
	aimed := least(greatest(aimed, 0.5), 0.999);
	SELECT p.read, p.fetches, p.target INTO expected
	FROM jsonb_to_recordset(i.calibration->'points') AS p (target float8, rows int, read float8, fetches float8)
	WHERE p.rows = 10
	ORDER BY p.target < aimed, abs(p.target - aimed) LIMIT 1;
	dead := i.dead_tuples::float8 / nullif(i.tuples, 0);
	free := i.free_pages * page::float8 / nullif(i.index_bytes, 0);
	queries := (i.calibration->>'queries')::int;

	what := 'maintenance';
	value := format('%s of %s tuples are dead; misplaced %s; leaves %s %% full', i.dead_tuples, i.tuples,
		coalesce(round(i.misplaced::numeric, 3)::text, 'not measured'),
		coalesce(round(100 * i.level_fill[1]::numeric)::text, '0'));
	state := CASE WHEN i.maintenance_due OR dead > 0.25 THEN 'act' WHEN dead > 0.1 THEN 'note' ELSE 'ok' END;
	advice := CASE
		WHEN dead > 0.25 THEN format('VACUUM %s', heap)
		WHEN i.maintenance_due THEN format('VACUUM %s, or SELECT * FROM %I.hvtree_maintain(%L); if it stays due: REINDEX INDEX CONCURRENTLY %s',
			heap, home, $1, $1)
		WHEN dead > 0.1 THEN 'dead tuples cost queries time until the next VACUUM removes them' END;
	RETURN NEXT;

	what := 'calibration';
	value := CASE WHEN i.calibrated_rows IS NULL THEN format('never measured; %s rows', i.rows)
		ELSE format('measured with %s rows; %s rows now', i.calibrated_rows, i.rows) END;
	state := CASE
		WHEN i.height = 0 THEN 'ok'
		WHEN i.calibrated_rows IS NULL OR i.rows > 4 * i.calibrated_rows THEN 'act'
		WHEN i.rows > 2 * i.calibrated_rows OR 4 * i.rows < i.calibrated_rows THEN 'note'
		ELSE 'ok' END;
	advice := CASE state
		WHEN 'act' THEN format('a fixed rule decides how far scans look; VACUUM %s measures, or SELECT %I.hvtree_calibrate(%L)',
			heap, home, $1)
		WHEN 'note' THEN format('VACUUM measures again in time; SELECT %I.hvtree_calibrate(%L) does it now', home, $1) END;
	RETURN NEXT;

	IF queries IS NOT NULL THEN
		what := 'calibration queries';
		value := format('%s, %s', queries, CASE i.calibration->>'from' WHEN 'rows' THEN 'rows of the table'
			ELSE i.calibration->>'from' END);
		state := CASE WHEN queries < 100 THEN 'note' ELSE 'ok' END;
		advice := CASE state WHEN 'note' THEN 'with few queries recall is known roughly: keep the target higher than you need, or give hvtree_calibrate 500 queries' END;
		RETURN NEXT;
	END IF;

	IF expected.target IS NOT NULL THEN
		what := 'cost of a query';
		value := format('10 rows at recall %s: about %s leaves and %s rows of the table', aimed,
			round(expected.read::numeric, 1), round(expected.fetches::numeric));
		state := CASE WHEN aimed > expected.target OR expected.read > 0.5 * i.level_pages[1] AND i.level_pages[1] > 16
			THEN 'note' ELSE 'ok' END;
		advice := CASE
			WHEN aimed > expected.target THEN format('nothing was measured above %s: more is read than this', expected.target)
			WHEN state = 'note' THEN 'more than half of the index is read: a lower target costs much less, if it is enough' END;
		RETURN NEXT;
	END IF;

	what := 'size';
	value := format('%s, %s bytes and %s tuples a row; %s %% of it free pages', pg_size_pretty(i.index_bytes),
		coalesce(round(i.bytes_per_row::numeric)::text, '-'), coalesce(round(i.spill_factor::numeric, 2)::text, '-'),
		coalesce(round(100 * free::numeric)::text, '0'));
	state := CASE WHEN free > 0.5 AND i.index_bytes > 100 * page THEN 'note' ELSE 'ok' END;
	advice := CASE state WHEN 'note' THEN format('inserts use free pages; REINDEX INDEX CONCURRENTLY %s returns them to the system', $1) END;
	RETURN NEXT;

	what := 'memory';
	value := format('index %s, shared_buffers %s', pg_size_pretty(i.index_bytes), pg_size_pretty(buffers));
	state := CASE WHEN i.index_bytes > buffers THEN 'note' ELSE 'ok' END;
	advice := CASE state WHEN 'note' THEN 'the index does not fit: leaves are read from the system; more shared_buffers make queries faster' END;
	RETURN NEXT;

	what := 'format';
	value := i.format_version::text;
	-- format 3 is that of key columns; without them 2 is the newest
	state := CASE WHEN i.format_version < CASE WHEN keys THEN 3 ELSE 2 END THEN 'note' ELSE 'ok' END;
	advice := CASE state WHEN 'note' THEN format('it is read as it is; REINDEX INDEX CONCURRENTLY %s writes the newest', $1) END;
	RETURN NEXT;

	IF scans.scans > 0 THEN
		what := 'scans';
		value := format('%s since %s: p50 %s ms, p99 %s ms, %s leaves and %s rows of the table a scan; in the cache were %s %% of index pages, %s %% of table pages',
			scans.scans, to_char(scans.since, 'YYYY-MM-DD HH24:MI'), round(scans.p50_us::numeric / 1000, 2), round(scans.p99_us::numeric / 1000, 2),
			scans.leaves / scans.scans, scans.heap_fetches / scans.scans,
			coalesce(round(100 * scans.index_hit_rate)::text, '-'), coalesce(round(100 * scans.heap_hit_rate)::text, '-'));
		state := CASE WHEN scans.scans >= 100 AND least(scans.index_hit_rate, scans.heap_hit_rate) < 0.9 THEN 'note' ELSE 'ok' END;
		advice := CASE
			WHEN state = 'note' AND scans.index_hit_rate < 0.9 THEN format('SELECT %I.hvtree_prewarm(%L) reads the index into the cache; see memory', home, $1)
			WHEN state = 'note' THEN 'rows of the table are read from the system: more memory, or a smaller type of vectors' END;
		RETURN NEXT;
	END IF;
END
$function$;

COMMENT ON FUNCTION hvtree_health(pg_catalog.regclass)
IS 'is an hvtree index well, what does it cost, what should be done: a row for each thing, in words';

-- Parses and plans a query as a cursor, without running it.  Functions that are
-- STABLE cannot open cursors of what writes or locks rows.
CREATE FUNCTION hvtree_explain_check(query pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE plpgsql STRICT STABLE PARALLEL UNSAFE
AS $function$
DECLARE
	opened pg_catalog.refcursor;
BEGIN
	OPEN opened FOR EXECUTE query;
	CLOSE opened;
EXCEPTION
	WHEN invalid_cursor_definition OR feature_not_supported THEN
		RAISE EXCEPTION USING ERRCODE = CASE SQLSTATE WHEN '42P11' THEN '42601' ELSE SQLSTATE END,
			MESSAGE = 'query of hvtree_explain must be one SELECT that does not change or lock rows',
			DETAIL = SQLERRM;
END
$function$;

COMMENT ON FUNCTION hvtree_explain_check(pg_catalog.text)
IS 'error unless hvtree_explain can explain the query';

-- the query sees the search_path of the caller, so names are qualified here
CREATE FUNCTION hvtree_explain(query pg_catalog.text)
RETURNS SETOF pg_catalog.text
LANGUAGE plpgsql STRICT VOLATILE PARALLEL UNSAFE ROWS 20
AS $function$
DECLARE
	home pg_catalog.name := (SELECT n.nspname FROM pg_catalog.pg_extension e
		JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
		WHERE e.extname OPERATOR(pg_catalog.=) 'hvindex');
	last_scan pg_catalog.text := pg_catalog.format('SELECT * FROM %I.hvtree_last_scan()', home);
	before record;
	scan record;
BEGIN
	EXECUTE pg_catalog.format('SELECT %I.hvtree_explain_check($1)', home) USING query;
	EXECUTE last_scan INTO before;
	RETURN QUERY EXECUTE pg_catalog.concat('EXPLAIN (ANALYZE, BUFFERS) ', query);
	EXECUTE last_scan INTO scan;

	-- it has times: those of two scans are never all the same
	IF pg_catalog.to_jsonb(scan) OPERATOR(pg_catalog.=) pg_catalog.to_jsonb(before) THEN
		RETURN NEXT 'No hvtree index was scanned';
		RETURN;
	END IF;
	RETURN NEXT pg_catalog.format('Last hvtree scan: %s, target recall %s', scan.index,
		coalesce((SELECT o.option_value FROM pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o
				WHERE c.oid OPERATOR(pg_catalog.=) scan.index AND o.option_name OPERATOR(pg_catalog.=) 'target_recall'),
			pg_catalog.current_setting('hvtree.target_recall')));
	RETURN NEXT pg_catalog.format('  Pages by level, leaves first: %s', pg_catalog.array_to_string(scan.level_pages, ', '));
	RETURN NEXT pg_catalog.format('  Codes: compared=%s estimated again=%s', scan.codes_scored, scan.candidates);
	RETURN NEXT pg_catalog.format('  Rows: fetched=%s returned=%s', scan.heap_fetches, scan.rows_emitted);
	RETURN NEXT pg_catalog.format('  Buffers: index hit=%s read=%s, table hit=%s read=%s, TOAST hit=%s read=%s',
		scan.index_hit, scan.index_read, scan.heap_hit, scan.heap_read, scan.toast_hit, scan.toast_read);
	RETURN NEXT pg_catalog.format('  Time: prepare=%s tree=%s leaves=%s rerank=%s all=%s ms',
		VARIADIC ARRAY(SELECT pg_catalog.to_char(t.us OPERATOR(pg_catalog./) 1000, 'FM9999990.000')
			FROM pg_catalog.unnest(ARRAY[scan.prepare_us, scan.tree_us, scan.leaves_us, scan.rerank_us, scan.scan_us]) t (us)));
END
$function$;

COMMENT ON FUNCTION hvtree_explain(pg_catalog.text)
IS 'runs a SELECT under EXPLAIN (ANALYZE, BUFFERS), and says what its last hvtree scan did';
