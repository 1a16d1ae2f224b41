/* extension/hvindex_pgvector--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION hvindex_pgvector" to load this file. \quit

--
-- Support functions 1: type and metric of an operator class
--

CREATE FUNCTION hvtree_vector_l2_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_vector_l2_support(pg_catalog.internal)
IS 'hvtree support for Euclidean distance on vector';

CREATE FUNCTION hvtree_vector_ip_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_vector_ip_support(pg_catalog.internal)
IS 'hvtree support for negative inner product on vector';

CREATE FUNCTION hvtree_vector_cosine_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_vector_cosine_support(pg_catalog.internal)
IS 'hvtree support for cosine distance on vector';

CREATE FUNCTION hvtree_halfvec_l2_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_halfvec_l2_support(pg_catalog.internal)
IS 'hvtree support for Euclidean distance on halfvec';

CREATE FUNCTION hvtree_halfvec_ip_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_halfvec_ip_support(pg_catalog.internal)
IS 'hvtree support for negative inner product on halfvec';

CREATE FUNCTION hvtree_halfvec_cosine_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_halfvec_cosine_support(pg_catalog.internal)
IS 'hvtree support for cosine distance on halfvec';

--
-- Operator classes
--
-- Types and operators are those of the extension vector, in the schema where it
-- is, whatever else bears their names in the schema that this one goes to: the
-- support functions read values by their bytes.
--

DO $create$
DECLARE
	type_schema pg_catalog.text := (
		SELECT n.nspname
		FROM pg_catalog.pg_extension e
			JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'vector');
	type_name pg_catalog.text;
	metric pg_catalog.text;
	operator_name pg_catalog.text;
BEGIN
	IF pg_catalog.to_regtype(pg_catalog.format('%I.halfvec', type_schema)) IS NULL THEN
		RAISE EXCEPTION 'hvindex_pgvector needs the type halfvec, which pgvector has since 0.7.0'
			USING HINT = 'Install a newer pgvector, then ALTER EXTENSION vector UPDATE.',
				ERRCODE = 'feature_not_supported';
	END IF;
	FOR type_name, metric, operator_name IN
		VALUES ('vector', 'l2', '<->'), ('vector', 'ip', '<#>'), ('vector', 'cosine', '<=>'),
			('halfvec', 'l2', '<->'), ('halfvec', 'ip', '<#>'), ('halfvec', 'cosine', '<=>')
	LOOP
		EXECUTE pg_catalog.format($class$
			CREATE OPERATOR CLASS %2$s_%3$s_ops %5$s FOR TYPE %1$I.%2$s USING hvtree AS
				OPERATOR 1 %1$I.%4$s (%1$I.%2$s, %1$I.%2$s) FOR ORDER BY pg_catalog.float_ops,
				FUNCTION 1 hvtree_%2$s_%3$s_support(pg_catalog.internal)
			$class$, type_schema, type_name, metric, operator_name,
			CASE metric WHEN 'l2' THEN 'DEFAULT' ELSE '' END);
	END LOOP;
END
$create$;

COMMENT ON OPERATOR CLASS vector_l2_ops USING hvtree
IS 'vector by Euclidean distance';
COMMENT ON OPERATOR FAMILY vector_l2_ops USING hvtree
IS 'vector by Euclidean distance';

COMMENT ON OPERATOR CLASS vector_ip_ops USING hvtree
IS 'vector by inner product, largest first';
COMMENT ON OPERATOR FAMILY vector_ip_ops USING hvtree
IS 'vector by inner product, largest first';

COMMENT ON OPERATOR CLASS vector_cosine_ops USING hvtree
IS 'vector by cosine distance';
COMMENT ON OPERATOR FAMILY vector_cosine_ops USING hvtree
IS 'vector by cosine distance';

COMMENT ON OPERATOR CLASS halfvec_l2_ops USING hvtree
IS 'halfvec by Euclidean distance';
COMMENT ON OPERATOR FAMILY halfvec_l2_ops USING hvtree
IS 'halfvec by Euclidean distance';

COMMENT ON OPERATOR CLASS halfvec_ip_ops USING hvtree
IS 'halfvec by inner product, largest first';
COMMENT ON OPERATOR FAMILY halfvec_ip_ops USING hvtree
IS 'halfvec by inner product, largest first';

COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING hvtree
IS 'halfvec by cosine distance';
COMMENT ON OPERATOR FAMILY halfvec_cosine_ops USING hvtree
IS 'halfvec by cosine distance';
