--
-- Distance functions and operators on real[]
--

-- values that every order of summation gives exactly
SELECT '{1,2,3}'::real[] <-> '{4,6,3}' AS l2,
	   '{1,2,3}'::real[] <#> '{4,5,6}' AS negative_ip,
	   '{1,0}'::real[] <=> '{0,2}' AS cosine;
SELECT l2_distance('{1,2,3}', '{4,6,3}'),
	   inner_product('{1,2,3}', '{4,5,6}'),
	   negative_inner_product('{1,2,3}', '{4,5,6}'),
	   cosine_distance('{1,0}', '{0,2}');

-- of one dimension; to itself; opposite
SELECT '{3}'::real[] <-> '{-4}' AS l2, '{3}'::real[] <#> '{-4}' AS ip, '{3}'::real[] <=> '{-4}' AS cosine;
SELECT '{5,6}'::real[] <-> '{5,6}' AS l2, '{5,6}'::real[] <=> '{5,6}' AS cosine;
SELECT '{1,0,0}'::real[] <=> '{-7,0,0}' AS opposite, '{0.5,0}'::real[] <=> '{8,0}' AS same_direction;

-- the sign of an inner product of zero
SELECT inner_product('{1,0}', '{0,1}'), negative_inner_product('{1,0}', '{0,1}');

-- commutators
SELECT oprname, oprcom::regoperator = oid::regoperator AS own_commutator
FROM pg_operator
WHERE oprleft = 'real[]'::regtype AND oprright = 'real[]'::regtype
  AND oprname IN ('<->', '<#>', '<=>')
ORDER BY oprname COLLATE "C";

-- a zero vector has no direction
SELECT '{0,0}'::real[] <=> '{1,1}' AS cosine, '{0,0}'::real[] <=> '{0,0}' AS of_two,
	   '{0,0}'::real[] <-> '{3,4}' AS l2, '{0,0}'::real[] <#> '{3,4}' = 0 AS ip_is_zero;

-- sums that float cannot hold
SELECT ('{3e38,3e38}'::real[] <-> '{-3e38,-3e38}') / 1e38 BETWEEN 8.48 AND 8.49 AS l2_large,
	   ('{1e30,1e30}'::real[] <#> '{1e30,-3e30}') / 1e60 BETWEEN 1.99 AND 2.01 AS ip_large,
	   abs(('{3e38,0}'::real[] <=> '{3e38,3e38}') - (1 - sqrt(0.5))) < 1e-6 AS cosine_large;
SELECT abs(('{3e-30,4e-30}'::real[] <-> '{0,0}') * 1e30 - 5) < 1e-5 AS l2_small,
	   abs(('{1e-30,0}'::real[] <=> '{1e-30,1e-30}') - (1 - sqrt(0.5))) < 1e-6 AS cosine_small,
	   abs(('{1e-40,0}'::real[] <=> '{1e-40,1e-40}') - (1 - sqrt(0.5))) < 1e-4 AS cosine_denormal;

-- every length up to beyond the widest kernel step: 0 + 1 + .. + (n - 1)
SELECT count(*) AS lengths,
	   count(*) FILTER (WHERE l2 = sqrt(n)) AS l2_right,
	   count(*) FILTER (WHERE ip = n * (n - 1) / 2) AS ip_right,
	   count(*) FILTER (WHERE abs(cosine - (1 - 1 / sqrt(2))) < 1e-6) AS cosine_right
FROM (SELECT n,
			 array_fill(3::real, ARRAY[n]) <-> array_fill(2::real, ARRAY[n]) AS l2,
			 inner_product((SELECT array_agg(i::real) FROM generate_series(0, n - 1) i),
						   array_fill(1::real, ARRAY[n])) AS ip,
			 (array_fill(1::real, ARRAY[n]) || array_fill(0::real, ARRAY[n]))
				<=> array_fill(1::real, ARRAY[2 * n]) AS cosine
	  FROM generate_series(1, 300) n) s;

-- NULL in, NULL out
SELECT NULL::real[] <-> '{1}' AS l2, '{1}'::real[] <#> NULL AS ip, NULL::real[] <=> NULL AS cosine;

-- what is no vector
SELECT '{}'::real[] <-> '{}';
SELECT '{1,2}'::real[] <-> '{}';
SELECT '{{1,2},{3,4}}'::real[] <-> '{1,2}';
SELECT '{1,2}'::real[] <#> '{{1,2}}';
SELECT '{1,NULL}'::real[] <-> '{1,2}';
SELECT '{1,2}'::real[] <=> '{NULL,2}';
SELECT '{1,2}'::real[] <-> '{1,NaN}';
SELECT '{1,Infinity,3}'::real[] <#> '{1,2,3}';
SELECT '{1,2,3}'::real[] <=> '{-Infinity,2,3}';
SELECT '{1,2,3}'::real[] <-> '{1,2}';
SELECT '{1}'::real[] <#> '{1,2}';
SELECT '{1,2}'::real[] <=> '{1,2,3}';
SELECT array_fill(1::real, ARRAY[16000]) <#> array_fill(1::real, ARRAY[16000]) AS widest;
SELECT array_fill(1::real, ARRAY[16001]) <-> array_fill(1::real, ARRAY[16001]);
SELECT '{1,2}'::float8[] <-> '{1,2}'::float8[];

-- the SQLSTATEs of all that
CREATE FUNCTION sqlstate_of(a real[], b real[]) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM a <-> b;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT label, sqlstate_of(a, '{1,2}') AS sqlstate
FROM (VALUES (1, 'vector', '{1,2}'::real[]), (2, 'empty', '{}'), (3, 'matrix', '{{1,2}}'),
			 (4, 'null element', '{1,NULL}'), (5, 'nan', '{NaN,1}'), (6, 'infinite', '{1,-inf}'),
			 (7, 'too short', '{1}'), (8, 'too long', array_fill(1::real, ARRAY[16001]))) v(n, label, a)
ORDER BY n;

-- lower bounds do not matter; a bitmap of nulls without a null neither
SELECT '[0:2]={1,2,3}'::real[] <-> '[5:7]={4,6,3}' AS bounds;
SELECT array_replace('{1,NULL,3}'::real[], NULL, 2) <-> '{4,6,3}' AS bitmap;

-- values built by PL/pgSQL are "expanded" arrays
DO $$
DECLARE
	v real[] := '{1,2}';
BEGIN
	v[2] := 6;
	v := v || 3::real;
	RAISE NOTICE 'expanded: %', v <-> '{4,2,3}';
END $$;

-- a domain over real[], a type modifier of real[] itself
CREATE DOMAIN vector3 AS real[] CHECK (cardinality(VALUE) = 3);
SELECT '{1,2,3}'::vector3 <-> '{4,6,3}'::vector3 AS both, '{1,2,3}'::vector3 <#> '{1,1,1}' AS one;
SELECT '{1,2,3}'::real[3] <-> '{4,6,3}'::real[3] AS sized;

-- every way to store a value: in place, short header, compressed, out of line
CREATE TABLE stored (kind text, v real[]);
ALTER TABLE stored ALTER v SET STORAGE PLAIN;
INSERT INTO stored VALUES ('in place', array_fill(2::real, ARRAY[1000]));
ALTER TABLE stored ALTER v SET STORAGE MAIN;
INSERT INTO stored VALUES ('short header', array_fill(2::real, ARRAY[10]));
ALTER TABLE stored ALTER v SET STORAGE EXTENDED;
INSERT INTO stored VALUES ('compressed', array_fill(2::real, ARRAY[3000]));
ALTER TABLE stored ALTER v SET STORAGE EXTERNAL;
INSERT INTO stored VALUES ('out of line', array_fill(2::real, ARRAY[3000]));
ALTER TABLE stored ALTER v SET STORAGE EXTENDED;
INSERT INTO stored VALUES ('out of line, compressed',
	(SELECT array_agg(((i * i * i * 7919 / 64) % 13)::real) FROM generate_series(1, 12000::bigint) i));
SELECT kind, cardinality(v) AS dims,
	   CASE WHEN pg_column_size(v) < 4 * cardinality(v) THEN 'compressed'
			WHEN pg_column_size(v) < 4 * cardinality(v) + 24 THEN 'short or out of line'
			ELSE 'full header' END AS stored_as,
	   round((v <-> array_fill(0::real, ARRAY[cardinality(v)]))::numeric, 3) AS l2,
	   array_fill(0::real, ARRAY[cardinality(v)]) <#> v = 0 AS other_side
FROM stored ORDER BY ctid;

-- order by an operator, without an index; NaN and NULL sort last
CREATE TABLE points (id int, v real[]);
INSERT INTO points VALUES (1, '{3,4}'), (2, '{0,0}'), (3, NULL), (4, '{1,0}'), (5, '{-6,8}');
SELECT id, v <-> '{0,0}' AS l2 FROM points ORDER BY v <-> '{0,0}';
SELECT id, v <#> '{1,0}' AS ip FROM points ORDER BY v <#> '{1,0}', id;
SELECT id, round((v <=> '{1,0}')::numeric, 4) AS cosine FROM points ORDER BY v <=> '{1,0}', id;

DROP TABLE stored, points;
DROP DOMAIN vector3;
DROP FUNCTION sqlstate_of(real[], real[]);
