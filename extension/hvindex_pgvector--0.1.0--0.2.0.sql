/* extension/hvindex_pgvector--0.1.0--0.2.0.sql */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION hvindex_pgvector UPDATE TO '0.2.0'" to load this file. \quit

--
-- bit by Hamming distance
--

CREATE FUNCTION hvtree_bit_hamming_support(pg_catalog.internal)
RETURNS pg_catalog.internal
AS 'MODULE_PATHNAME'
LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION hvtree_bit_hamming_support(pg_catalog.internal)
IS 'hvtree support for Hamming distance on bit';

-- pgvector's operator, in whatever schema pgvector is
DO LANGUAGE plpgsql $create$
DECLARE
	type_schema pg_catalog.text := (
		SELECT n.nspname
		FROM pg_catalog.pg_extension e
			JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'vector');
BEGIN
	EXECUTE pg_catalog.format($class$
		CREATE OPERATOR CLASS bit_hamming_ops DEFAULT FOR TYPE pg_catalog."bit" USING hvtree AS
			OPERATOR 1 %1$I.<~> (pg_catalog."bit", pg_catalog."bit") FOR ORDER BY pg_catalog.float_ops,
			FUNCTION 1 hvtree_bit_hamming_support(pg_catalog.internal)
		$class$, type_schema);
END
$create$;

COMMENT ON OPERATOR CLASS bit_hamming_ops USING hvtree
IS 'bit by Hamming distance';
COMMENT ON OPERATOR FAMILY bit_hamming_ops USING hvtree
IS 'bit by Hamming distance';
