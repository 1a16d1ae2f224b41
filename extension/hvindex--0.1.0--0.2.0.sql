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
