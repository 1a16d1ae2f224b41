--
-- hvtree_health and hvtree_explain
--

CREATE FUNCTION health_vector(i int, dims int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, dims) j $$;

CREATE TABLE health (id int, tenant int, v real[]) WITH (autovacuum_enabled = off);
CREATE INDEX health_v ON health USING hvtree (v) WITH (leaf_size = 20, branching = 10);
CREATE INDEX health_k ON health USING hvtree (v, tenant) WITH (leaf_size = 20, branching = 10);

-- what there is to do; figures vary
CREATE FUNCTION health_states(index regclass) RETURNS TABLE (what text, state text, advised text)
LANGUAGE sql AS
$$ SELECT what, state, regexp_replace(advice, '\d+', 'N') FROM hvtree_health(index) WHERE what <> 'scans' $$;

-- nothing in it
SELECT * FROM health_states('health_v');
-- grown row by row: never measured
INSERT INTO health SELECT i, i % 5, health_vector(i, 8) FROM generate_series(1, 1000) i;
SELECT * FROM health_states('health_v') WHERE what IN ('calibration', 'calibration queries', 'cost of a query');
-- built
REINDEX TABLE health;
SELECT * FROM health_states('health_v');
SELECT * FROM health_states('health_k') WHERE state <> 'ok' OR what = 'format';
SELECT value ~ '^measured with 1000 rows; 1000 rows now$' AS measured FROM hvtree_health('health_v') WHERE what = 'calibration';
SELECT value ~ '^10 rows at recall 0.95: about [\d.]+ leaves and \d+ rows of the table$' AS cost FROM hvtree_health('health_v') WHERE what = 'cost of a query';
-- the target: of the session, and of the index, which wins
SET hvtree.target_recall = 0.999;
SELECT state, advice, value ~ 'recall 0.999:' AS of_session FROM hvtree_health('health_v') WHERE what = 'cost of a query';
ALTER INDEX health_v SET (target_recall = 0.9);
SELECT state, advice, value ~ 'recall 0.9:' AS of_index FROM hvtree_health('health_v') WHERE what = 'cost of a query';
RESET hvtree.target_recall;
-- measured with few queries
SELECT hvtree_calibrate('health_v', 'SELECT v FROM health WHERE id <= 40');
SELECT state, value FROM hvtree_health('health_v') WHERE what = 'calibration queries';
-- grown twice as large, and then five times
INSERT INTO health SELECT i, i % 5, health_vector(i, 8) FROM generate_series(1001, 2500) i;
SELECT * FROM health_states('health_v') WHERE what = 'calibration';
INSERT INTO health SELECT i, i % 5, health_vector(i, 8) FROM generate_series(2501, 5000) i;
SELECT * FROM health_states('health_v') WHERE what = 'calibration';
VACUUM health;
SELECT state FROM health_states('health_v') WHERE what = 'calibration';
-- dead tuples
DELETE FROM health WHERE id % 7 = 0;
SELECT * FROM health_states('health_v') WHERE what = 'maintenance';
DELETE FROM health WHERE id % 2 = 0;
SELECT * FROM health_states('health_v') WHERE what = 'maintenance';
VACUUM health;
SELECT state IN ('ok', 'act') AS known FROM health_states('health_v') WHERE what = 'maintenance';

-- the query and what its scan did
CREATE FUNCTION health_explained(query text) RETURNS SETOF text
LANGUAGE sql AS
$$ SELECT regexp_replace(line, '\d+(\.\d+)?', 'N', 'g') FROM hvtree_explain(query) line WHERE line ~ '^(Last|No) hvtree|^  (Pages|Codes|Rows|Buffers: index|Time)' $$;
DROP INDEX health_k;
SET enable_seqscan = off;
SELECT health_explained('SELECT id FROM health ORDER BY v <-> health_vector(77, 8) LIMIT 7');
SELECT count(*) FROM hvtree_explain('SELECT id FROM health ORDER BY v <-> health_vector(77, 8) LIMIT 7') line
WHERE line ~ 'Index Scan using health_|target recall 0.9|Execution Time' OR line ~ 'returned=7$';
-- of an earlier scan nothing is said
SELECT health_explained('SELECT id FROM health LIMIT 1');
SELECT health_explained('/* a comment */ TABLE health LIMIT 1; -- another');
SELECT hvtree_explain(NULL);
RESET enable_seqscan;
-- a SELECT, and nothing else
CREATE FUNCTION health_try(query text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM hvtree_explain(query); RETURN 'explained'; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END $$;
SELECT query, health_try(query)
FROM unnest(ARRAY['SELECT 1', 'VALUES (1)', '', ' ; ', 'SELECT 1; SELECT 2', 'SELECT 1; DROP TABLE health', 'nonsense', 'DELETE FROM health',
	'DELETE FROM health RETURNING id', 'WITH gone AS (DELETE FROM health RETURNING id) SELECT * FROM gone', 'SELECT 1 FROM health FOR UPDATE',
	'SELECT 1 INTO copy', 'CREATE TABLE copy AS SELECT 1', 'VACUUM', 'COMMIT', 'EXPLAIN SELECT 1', 'ANALYZE SELECT 1', 'SHOW work_mem',
	'SELECT $1::int', 'SELECT 1 FROM nowhere', 'SELECT id / 0 FROM health']) query;
SELECT count(*) FROM health;

-- who may
\set VERBOSITY terse
CREATE ROLE regress_hvtree_health;
SET ROLE regress_hvtree_health;
SELECT hvtree_health('health_v');
SELECT health_try('SELECT 1 FROM health');
RESET ROLE;
GRANT SELECT ON health TO regress_hvtree_health;
SET ROLE regress_hvtree_health;
SELECT count(*) > 5 AS may FROM hvtree_health('health_v');
SELECT health_try('SELECT 1 FROM health');
RESET ROLE;
DROP OWNED BY regress_hvtree_health;
DROP ROLE regress_hvtree_health;

-- what is no index, and a schema of choice
SELECT hvtree_health('health');
SELECT hvtree_health(0);
SELECT count(*) FROM hvtree_health(NULL);
CREATE SCHEMA "health's";
ALTER EXTENSION hvindex SET SCHEMA "health's";
SELECT count(*) > 5 AS found FROM "health's".hvtree_health('health_v');
SELECT count(*) > 3 AS found FROM "health's".hvtree_explain('SELECT 1');
ALTER EXTENSION hvindex SET SCHEMA public;

DROP TABLE health;
DROP SCHEMA "health's";
DROP FUNCTION health_vector, health_states, health_explained, health_try;
