--
-- Distances that only the index scan needs are not computed again by the executor
--

-- the hook is there from the first use of the library on
LOAD 'hvindex';

CREATE TABLE junk (id int PRIMARY KEY, kind int, v real[]);
INSERT INTO junk
	SELECT i, i % 3, ARRAY[sin(i), cos(i), sin(i * 0.3), cos(i * 0.3)]::real[] FROM generate_series(1, 500) i;
CREATE INDEX junk_v ON junk USING hvtree (v);
ANALYZE junk;
SET enable_seqscan = off;
SET enable_sort = off;
SET max_parallel_workers_per_gather = 0;
SET hvtree.target_recall = 1;

-- which nodes of a plan compute or pass on a distance, from the top
CREATE FUNCTION with_distance(query text) RETURNS text
LANGUAGE plpgsql AS
$$
DECLARE
	plan json;
	nodes text;
BEGIN
	EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) ' || query INTO plan;
	WITH RECURSIVE node (n, path) AS (
		SELECT plan->0->'Plan', ARRAY[1]
		UNION ALL
		SELECT child, path || place::int
		FROM node, json_array_elements(n->'Plans') WITH ORDINALITY c (child, place))
	SELECT string_agg(n->>'Node Type', ', ' ORDER BY path) INTO nodes
	FROM node WHERE n->>'Output' LIKE '%<->%';
	RETURN coalesce(nodes, 'none');
END
$$;

-- nobody reads it: none
SELECT with_distance($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3$$);
SELECT with_distance($$SELECT * FROM junk WHERE kind = 1 ORDER BY v <-> '{1,0,1,0}' LIMIT 3 OFFSET 2$$);
SELECT with_distance($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}'$$);
SELECT with_distance($$SELECT sum(id) FROM (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) s$$);
SELECT with_distance($$SELECT json_agg(s) FROM (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) s$$);
SELECT with_distance($$SELECT ARRAY(SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3)$$);
SELECT with_distance($$WITH w AS MATERIALIZED (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) SELECT count(*) FROM w$$);
SELECT with_distance($$SELECT q.id, n.id FROM junk q, LATERAL (SELECT id FROM junk ORDER BY v <-> q.v LIMIT 2) n WHERE q.id < 5$$);

-- somebody reads it
SELECT with_distance($$SELECT id, v <-> '{1,0,1,0}' FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3$$);
SELECT with_distance($$SELECT q.id, n.d FROM junk q, LATERAL (SELECT v <-> q.v AS d FROM junk ORDER BY v <-> q.v LIMIT 2) n WHERE q.id < 5$$);
SELECT with_distance($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' FETCH FIRST 3 ROWS WITH TIES$$);

SELECT with_distance($$SELECT count(*) FROM (SELECT id, v <-> '{1,0,1,0}' AS d FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) s WHERE d < 2$$);
SELECT with_distance($$SELECT round(sum(d)::numeric, 4) FROM (SELECT id, v <-> '{1,0,1,0}' AS d FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) s$$);

SELECT with_distance($$SELECT count(*) FROM (SELECT kind FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 9) s WHERE kind = 1$$);

-- rows to lock have junk columns behind it, which cannot move
SELECT with_distance($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3 FOR UPDATE$$);

-- each shape gives the rows that sorting gives
CREATE FUNCTION found(query text) RETURNS text
LANGUAGE plpgsql AS
$$
DECLARE
	by_index text;
	by_sort text;
BEGIN
	EXECUTE 'SELECT string_agg(q::text, '' '') FROM (' || query || ') q' INTO by_index;
	SET LOCAL enable_indexscan = off;
	EXECUTE 'SELECT string_agg(q::text, '' '') FROM (' || query || ') q' INTO by_sort;
	SET LOCAL enable_indexscan = on;
	RETURN CASE WHEN by_index = by_sort THEN by_index ELSE by_index || ' instead of ' || by_sort END;
END
$$;

SELECT found($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3$$);
SELECT found($$SELECT * FROM junk WHERE kind = 1 ORDER BY v <-> '{1,0,1,0}' LIMIT 3 OFFSET 2$$);
SELECT found($$SELECT sum(id) FROM (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) s$$);
SELECT found($$SELECT kind, sum(id) FROM (SELECT id, kind FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 9) s GROUP BY kind ORDER BY kind$$);
SELECT found($$SELECT count(*) FROM (SELECT kind FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 9) s WHERE kind = 2$$);
SELECT found($$SELECT count(*), count(DISTINCT id), sum(kind) FROM (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}') s JOIN junk USING (id)$$);
SELECT found($$SELECT ARRAY(SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) AS a$$);
SELECT found($$SELECT q.id, n.id AS other FROM junk q, LATERAL (SELECT id FROM junk ORDER BY v <-> q.v LIMIT 2) n WHERE q.id < 5$$);
SELECT found($$SELECT q.id, n.* FROM junk q, LATERAL (SELECT id AS other, round((v <-> q.v)::numeric, 4) FROM junk ORDER BY v <-> q.v LIMIT 2) n WHERE q.id < 3$$);
SELECT found($$SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' FETCH FIRST 3 ROWS WITH TIES$$);
SELECT found($$WITH w AS MATERIALIZED (SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3) SELECT * FROM w$$);

-- a cursor that scrolls keeps rows in a node that refers to every column
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 4;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH 3 FROM c;
ROLLBACK;

-- a plan that is kept, and one of a statement that writes
PREPARE nearest(real[]) AS SELECT id FROM junk ORDER BY v <-> $1 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE nearest('{1,0,1,0}');
EXECUTE nearest('{0,1,0,1}');
RESET plan_cache_mode;
CREATE TABLE junk_copy AS SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 3;
INSERT INTO junk_copy SELECT id FROM junk ORDER BY v <-> '{0,1,0,1}' LIMIT 3;
SELECT * FROM junk_copy;
SELECT id FROM junk ORDER BY v <-> '{1,0,1,0}' LIMIT 1 FOR UPDATE;

DROP FUNCTION with_distance, found;
DROP TABLE junk, junk_copy;
