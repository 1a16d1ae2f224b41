--
-- Who may call what, and what is said of wrong arguments
--

CREATE FUNCTION privileges_vector(i int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, 4) j $$;

CREATE ROLE regress_hvtree_owner;
CREATE ROLE regress_hvtree_select;
CREATE ROLE regress_hvtree_column;
CREATE ROLE regress_hvtree_other;
CREATE ROLE regress_hvtree_data;
CREATE ROLE regress_hvtree_stats;
CREATE ROLE regress_hvtree_scan;
CREATE ROLE regress_hvtree_monitor;
CREATE ROLE regress_hvtree_granted;
CREATE ROLE regress_hvtree_bypass BYPASSRLS;
CREATE ROLE regress_hvtree_nobody;
GRANT pg_read_all_data TO regress_hvtree_data;
GRANT pg_read_all_stats TO regress_hvtree_stats;
GRANT pg_stat_scan_tables TO regress_hvtree_scan;
GRANT pg_monitor TO regress_hvtree_monitor;
GRANT EXECUTE ON FUNCTION hvtree_check TO regress_hvtree_granted;
GRANT regress_hvtree_owner TO regress_hvtree_granted;

-- each index under its own name: plain, of an expression, of some rows, of a table with a policy
CREATE TABLE privileges (id int, secret int, v real[]) WITH (autovacuum_enabled = off);
INSERT INTO privileges SELECT i, i % 5, privileges_vector(i) FROM generate_series(1, 400) i;
CREATE TABLE privileges_policy AS TABLE privileges;
CREATE INDEX privileges_plain ON privileges USING hvtree (v) WITH (leaf_size = 20);
CREATE INDEX privileges_expression ON privileges USING hvtree ((v || secret::real)) WITH (leaf_size = 20);
CREATE INDEX privileges_partial ON privileges USING hvtree (v) WITH (leaf_size = 20) WHERE secret < 3;
CREATE INDEX privileges_policy_v ON privileges_policy USING hvtree (v) WITH (leaf_size = 20);
ALTER TABLE privileges_policy ENABLE ROW LEVEL SECURITY;
CREATE POLICY privileges_some ON privileges_policy USING (secret = 1);
ALTER TABLE privileges OWNER TO regress_hvtree_owner;
ALTER TABLE privileges_policy OWNER TO regress_hvtree_owner;
GRANT SELECT ON privileges, privileges_policy TO regress_hvtree_select, regress_hvtree_bypass;
GRANT SELECT (v) ON privileges, privileges_policy TO regress_hvtree_column;
GRANT SELECT (id) ON privileges, privileges_policy TO regress_hvtree_other;

CREATE FUNCTION privileges_try(role name, command text) RETURNS text
LANGUAGE plpgsql AS
$$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	BEGIN
		EXECUTE command;
	EXCEPTION WHEN OTHERS THEN
		RESET ROLE;
		RETURN CASE SQLSTATE WHEN '42501' THEN '-' ELSE SQLSTATE END;
	END;
	RESET ROLE;
	RETURN 'yes';
END
$$;

CREATE VIEW privileges_tried AS
	SELECT index, format(call, index) AS call, role.place, role.name AS role,
		privileges_try(coalesce('regress_hvtree_' || nullif(role.name, 'superuser'), session_user), 'SELECT ' || format(call, index)) AS may
	FROM unnest('{plain,expression,partial,policy_v}'::text[]) index,
		unnest('{hvtree_info(''privileges_%s''),hvtree_prewarm(''privileges_%s''),hvtree_check(''privileges_%s''),
			"hvtree_recall(''privileges_%s'', 5, 3)",
			"hvtree_recall(''privileges_%s'', ''SELECT NULL::real[]'')",
			"hvtree_maintain(''privileges_%s'', 1)","hvtree_calibrate(''privileges_%s'')",
			"hvtree_calibrate(''privileges_%s'', ''SELECT privileges_vector(i) FROM generate_series(1, 20) i'')",hvtree_scan_stats_reset(''privileges_%s'')}'::text[]) call,
		unnest('{superuser,owner,select,column,other,data,stats,scan,monitor,granted,bypass,nobody}'::text[])
			WITH ORDINALITY AS role (name, place);
SELECT call, role, may, place FROM privileges_tried WHERE index = 'plain' ORDER BY call, place \crosstabview call role may place
SELECT call, role, may, place FROM privileges_tried WHERE index = 'expression' ORDER BY call, place \crosstabview call role may place
SELECT call, role, may, place FROM privileges_tried WHERE index = 'partial' ORDER BY call, place \crosstabview call role may place
SELECT call, role, may, place FROM privileges_tried WHERE index = 'policy_v' ORDER BY call, place \crosstabview call role may place

-- a policy that holds for the owner too
ALTER TABLE privileges_policy FORCE ROW LEVEL SECURITY;
SELECT role, may FROM privileges_tried WHERE index = 'policy_v' AND call ~ 'recall.*5' AND role IN ('superuser', 'owner', 'bypass');

-- what concerns no index, or all of them
SELECT call, role, privileges_try('regress_hvtree_' || role, 'SELECT ' || call) AS may
FROM unnest('{hvtree_last_scan(),hvtree_scan_stats_info(),"count(*) FROM hvtree_scan_stats",hvtree_scan_stats_reset()}'::text[]) call,
	unnest('{owner,select,monitor,nobody}'::text[]) role ORDER BY call, role \crosstabview call role may
SELECT has_function_privilege('public', 'hvtree_check(regclass, boolean)', 'EXECUTE') AS everybody;

-- the words
SET ROLE regress_hvtree_select;
SELECT hvtree_check('privileges_plain');
SELECT hvtree_recall('privileges_policy_v');
RESET ROLE;
-- the right to call it does not make up for one to the table
GRANT EXECUTE ON FUNCTION hvtree_check TO regress_hvtree_select;
SET ROLE regress_hvtree_select;
SELECT hvtree_check('privileges_plain');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION hvtree_check FROM regress_hvtree_select;
SET ROLE regress_hvtree_nobody;
SELECT hvtree_info('privileges_plain');
SELECT hvtree_scan_stats_reset();
RESET ROLE;

-- an expression is computed as the owner of the table, whoever asks, and cannot do more than in VACUUM
CREATE FUNCTION privileges_who(v real[]) RETURNS real[] LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
	IF current_user <> 'regress_hvtree_owner' THEN
		RAISE EXCEPTION 'computed as %', current_user;
	END IF;
	BEGIN
		PERFORM set_config('role', 'none', true);
	EXCEPTION WHEN insufficient_privilege THEN
		RETURN v;
	END;
	RAISE EXCEPTION 'could change the role';
END
$$;
CREATE TABLE privileges_as (id int, v real[]);
ALTER TABLE privileges_as OWNER TO regress_hvtree_owner;
INSERT INTO privileges_as SELECT i, ARRAY[i % 7, i % 11, i]::real[] FROM generate_series(1, 400) i;
CREATE INDEX privileges_as_v ON privileges_as USING hvtree (privileges_who(v)) WITH (leaf_size = 20);
GRANT SELECT ON privileges_as TO regress_hvtree_select;
SELECT rows, misplaced IS NOT NULL AS sampled FROM hvtree_info('privileges_as_v');
SELECT recall IS NOT NULL AS measured FROM hvtree_recall('privileges_as_v', 5, 10);
SELECT complete FROM hvtree_maintain('privileges_as_v');
SET ROLE regress_hvtree_select;
SELECT rows FROM hvtree_info('privileges_as_v');
SELECT recall IS NOT NULL AS measured FROM hvtree_recall('privileges_as_v', 5, 10);
RESET ROLE;

-- queries for hvtree_recall run as the one who asks, and only read
CREATE FUNCTION privileges_asked() RETURNS SETOF real[] LANGUAGE plpgsql AS
$$ BEGIN RAISE NOTICE 'asked as %', current_user; RETURN NEXT '{1,2,3,4}'::real[]; END $$;
SET ROLE regress_hvtree_select;
SELECT queries_answered FROM hvtree_recall('privileges_plain', 'SELECT privileges_asked()');
SELECT hvtree_recall('privileges_plain', 'SELECT passwd::real[] FROM pg_shadow');
RESET ROLE;
SET ROLE regress_hvtree_owner;
SELECT hvtree_calibrate('privileges_plain', 'SELECT privileges_asked() FROM generate_series(1, 8)');
SELECT hvtree_calibrate('privileges_plain', 'SELECT passwd::real[] FROM pg_shadow');
RESET ROLE;
-- too few, a zero vector is none under cosine distance; a tree of one page needs no measure; what there is stays
SELECT hvtree_calibrate('privileges_plain', 'SELECT v FROM privileges LIMIT 7');
SELECT hvtree_calibrate('privileges_plain', 'SELECT v FROM privileges, generate_series(1, 30)');
SELECT hvtree_calibrate('privileges_plain', 'SELECT NULL::real[] FROM privileges');
CREATE INDEX privileges_cosine ON privileges USING hvtree (v real_cosine_ops) WITH (leaf_size = 20);
SELECT hvtree_calibrate('privileges_cosine', 'SELECT ''{0,0,0,0}''::real[] FROM privileges');
SELECT hvtree_calibrate('privileges_cosine', 'SELECT v FROM privileges LIMIT 40');
DROP INDEX privileges_cosine;
CREATE INDEX privileges_page ON privileges USING hvtree (v) WHERE id < 20;
SELECT hvtree_calibrate('privileges_page', 'SELECT v FROM privileges'), hvtree_calibrate('privileges_page');
DROP INDEX privileges_page;
SELECT calibration->'from' AS "from", calibration->'queries' AS queries FROM hvtree_info('privileges_plain');
SELECT hvtree_calibrate('privileges_plain', 'SELECT v FROM privileges WHERE id <= 50');
SELECT calibration->'from' AS "from", calibration->'queries' AS queries FROM hvtree_info('privileges_plain');
-- what was given stays through maintenance, not through a build
INSERT INTO privileges SELECT i, i % 5, privileges_vector(i) FROM generate_series(401, 800) i;
SELECT complete FROM hvtree_maintain('privileges_plain');
SELECT calibration->'from' AS "from", calibration->'queries' AS queries, calibrated_rows FROM hvtree_info('privileges_plain');
REINDEX INDEX privileges_plain;
SELECT calibration->'from' AS "from", calibrated_rows FROM hvtree_info('privileges_plain');
DELETE FROM privileges WHERE id > 400;
VACUUM privileges;
SELECT query, replace(privileges_try(session_user, format('SELECT hvtree_recall(''privileges_plain'', %L, 5)', query)), 'yes', 'accepted') AS said
FROM unnest(ARRAY['SELECT', '', ' ; ', 'SELECT v FROM privileges; SELECT v FROM privileges', 'SELECT v FROM privileges; DROP TABLE privileges',
	'nonsense', 'SELECT v FROM', 'SELECT v FROM nowhere', 'SELECT nothing FROM privileges', 'SELECT $1::real[]',
	'DELETE FROM privileges', 'DELETE FROM privileges RETURNING v', 'INSERT INTO privileges VALUES (1) RETURNING v',
	'WITH gone AS (DELETE FROM privileges RETURNING v) SELECT v FROM gone', 'SELECT v FROM privileges FOR UPDATE',
	'BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'PREPARE TRANSACTION ''s''', 'VACUUM', 'DO $x$BEGIN END$x$', 'DROP TABLE privileges',
	'CREATE TABLE copy AS SELECT v FROM privileges', 'SELECT v INTO copy FROM privileges', 'COPY privileges TO STDOUT',
	'EXPLAIN SELECT v FROM privileges', 'SHOW work_mem', 'DECLARE c CURSOR FOR SELECT v FROM privileges', 'LISTEN x', 'SET work_mem = 64',
	'SELECT 1', 'SELECT id, v FROM privileges', 'SELECT ''{1,2,3,4}''', 'SELECT ''{1,2,3,4}''::float8[]', 'SELECT v::text FROM privileges',
	'SELECT ''{1,2}''::real[]', 'SELECT ''{}''::real[]', 'SELECT ''{{1,2,3,4}}''::real[]', 'SELECT ''{1,2,3,NULL}''::real[]',
	'SELECT ''{1,2,3,NaN}''::real[]', 'SELECT ''{1,2,3,Infinity}''::real[]', 'SELECT ARRAY[1, 1 / 0, 1, 1]::real[]',
	'SELECT v FROM privileges, generate_series(1, 30)', 'SELECT privileges_try(''nobody_such'', ''SELECT 1'')',
	'SELECT NULL::real[]', 'SELECT v FROM privileges WHERE false', 'TABLE privileges', 'VALUES (''{1,2,3,4}''::real[])',
	'SELECT v, id FROM privileges LIMIT 2', 'SELECT v || 1::real FROM privileges', 'WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT i FROM r LIMIT 3']) query;
SELECT count(*) FROM privileges;

-- the type of the column may be a domain
CREATE DOMAIN privileges_domain AS real[] CHECK (cardinality(VALUE) = 4);
CREATE TABLE privileges_of_domain (v privileges_domain);
INSERT INTO privileges_of_domain SELECT v FROM privileges;
CREATE INDEX privileges_of_domain_v ON privileges_of_domain USING hvtree (v);
SELECT queries_answered FROM hvtree_recall('privileges_of_domain_v', 'SELECT v FROM privileges LIMIT 5');
SELECT queries_answered FROM hvtree_recall('privileges_of_domain_v', 'SELECT v FROM privileges_of_domain LIMIT 5');

-- names are names, whatever is in them
CREATE TABLE "a""b'; DROP TABLE privileges; --" (v real[]);
CREATE INDEX "c""d'; DROP TABLE privileges; --" ON "a""b'; DROP TABLE privileges; --" USING hvtree (v);
INSERT INTO "a""b'; DROP TABLE privileges; --" SELECT v FROM privileges;
SELECT recall, queries_answered FROM hvtree_recall('"c""d''; DROP TABLE privileges; --"', 5, 5);
SELECT hvtree_check('"a""b''; DROP TABLE privileges; --"');

-- arguments of every function that takes an index
CREATE TABLE privileges_parts (id int, v real[]) PARTITION BY RANGE (id);
CREATE INDEX privileges_parts_v ON privileges_parts USING hvtree (v);
CREATE INDEX privileges_btree ON privileges (id);
CREATE SEQUENCE privileges_sequence;
CREATE TYPE privileges_type AS (v real[]);
CREATE MATERIALIZED VIEW privileges_materialized AS SELECT v FROM privileges;
CREATE INDEX privileges_materialized_v ON privileges_materialized USING hvtree (v);
CREATE INDEX CONCURRENTLY privileges_invalid ON privileges USING hvtree ((array_fill((1 / (id - 5))::real, ARRAY[3])));
CREATE FUNCTION privileges_each(argument text) RETURNS text
LANGUAGE sql AS
$$
	SELECT string_agg(privileges_try(session_user, format('SELECT ' || call, argument)), ' ' ORDER BY place)
	FROM unnest(ARRAY['hvtree_info(%s)', 'hvtree_check(%s)', 'hvtree_prewarm(%s)', 'hvtree_prewarm(%s, 1)', 'hvtree_recall(%s)',
		'hvtree_recall(%s, ''SELECT NULL::real[]'')', 'hvtree_maintain(%s)', 'hvtree_calibrate(%s)',
		'hvtree_calibrate(%s, ''SELECT NULL::real[]'')', 'hvtree_scan_stats_reset(%s)']) WITH ORDINALITY AS c (call, place)
$$;
SELECT argument, privileges_each(argument) AS said
FROM unnest(ARRAY['''privileges_plain''', '''privileges_materialized_v''', 'NULL::regclass', '0', '4294967295', '''nowhere''', '''privileges''', '''privileges_btree''',
	'''privileges_tried''', '''privileges_sequence''', '''privileges_type''', '''privileges_materialized''', '''privileges_parts''', '''privileges_parts_v''',
	'''privileges_invalid''', '''pg_class''', '''pg_class_oid_index''', '(SELECT reltoastrelid::regclass FROM pg_class WHERE relname = ''pg_proc'')']) argument;
SELECT call, privileges_try(session_user, 'SELECT ' || call) AS said
FROM unnest(ARRAY['hvtree_recall(''privileges_plain'', 0)', 'hvtree_recall(''privileges_plain'', -1)', 'hvtree_recall(''privileges_plain'', 1001)',
	'hvtree_recall(''privileges_plain'', 2147483647)', 'hvtree_recall(''privileges_plain'', 10, 0)', 'hvtree_recall(''privileges_plain'', 10, -5)',
	'hvtree_recall(''privileges_plain'', 10, 10001)', 'hvtree_recall(''privileges_plain'', NULL::int)', 'hvtree_recall(''privileges_plain'', NULL::text)',
	'hvtree_recall(''privileges_plain'', ''SELECT NULL::real[]'', -1)', 'hvtree_recall(''privileges_plain'', 1000, 3)',
	'hvtree_calibrate(''privileges_plain'', NULL)', 'hvtree_calibrate(''privileges_plain'', '''')', 'hvtree_calibrate(''privileges_plain'', ''SELECT'')',
	'hvtree_calibrate(''privileges_plain'', ''DELETE FROM privileges RETURNING v'')', 'hvtree_calibrate(''privileges_plain'', ''SELECT 1'')',
	'hvtree_calibrate(''privileges_plain'', ''SELECT ''''{1,2}''''::real[] FROM privileges'')',
	'hvtree_calibrate(''privileges_plain'', ''SELECT ''''{1,2,3,NaN}''''::real[] FROM privileges'')',
	'hvtree_prewarm(''privileges_plain'', -2147483648)', 'hvtree_prewarm(''privileges_plain'', 2147483647)', 'hvtree_prewarm(''privileges_plain'', NULL)',
	'hvtree_maintain(''privileges_plain'', -9223372036854775808)', 'hvtree_maintain(''privileges_plain'', 9223372036854775807)',
	'hvtree_maintain(''privileges_plain'', 0)', 'hvtree_maintain(''privileges_plain'', NULL)']) call;

DROP VIEW privileges_tried;
DROP TABLE privileges, privileges_policy, privileges_as, privileges_of_domain, privileges_parts, "a""b'; DROP TABLE privileges; --" CASCADE;
DROP FUNCTION privileges_vector, privileges_try, privileges_each, privileges_who, privileges_asked;
DROP TYPE privileges_type, privileges_domain;
DROP SEQUENCE privileges_sequence;
REVOKE EXECUTE ON FUNCTION hvtree_check FROM regress_hvtree_granted;
DROP ROLE regress_hvtree_owner, regress_hvtree_select, regress_hvtree_column, regress_hvtree_other, regress_hvtree_data, regress_hvtree_stats,
	regress_hvtree_scan, regress_hvtree_monitor, regress_hvtree_granted, regress_hvtree_bypass, regress_hvtree_nobody;
