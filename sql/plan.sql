--
-- Which plans are chosen
--

CREATE FUNCTION plan_vector(i int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT ARRAY[sin(i), cos(i), sin(i * 0.3), cos(i * 0.3), sin(i * 0.7), cos(i * 0.7), sin(i * 1.1), cos(i * 1.1)]::real[] $$;

-- of 1024 dimensions
CREATE FUNCTION plan_long_vector(i int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$
	SELECT v || v || v || v || v || v || v || v
	FROM (SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, 128) j) a (v)
$$;

-- of 1536
CREATE FUNCTION plan_longer_vector(i int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT (v || v)[1:1536] FROM plan_long_vector(i) v $$;

-- the nodes of a plan from the top to the first scan
CREATE FUNCTION plan_of(query text) RETURNS text
LANGUAGE plpgsql AS
$$
DECLARE
	node json;
	nodes text;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO node;
	node := node->0->'Plan';
	WHILE node IS NOT NULL LOOP
		nodes := concat_ws(' > ', nodes,
			concat_ws(' ', node->>'Node Type', node->>'Index Name'));
		node := node->'Plans'->0;
	END LOOP;
	RETURN nodes;
END
$$;

SET max_parallel_workers_per_gather = 0;
SET jit = off;

-- 2,000 short vectors, and 4,000 that go to TOAST
CREATE TABLE plan_short (id int PRIMARY KEY, v real[]);
ALTER TABLE plan_short ALTER v SET STATISTICS 10;
INSERT INTO plan_short SELECT i, plan_vector(i) FROM generate_series(1, 2000) i;
CREATE INDEX plan_short_v ON plan_short USING hvtree (v);
CREATE TABLE plan_long (id int PRIMARY KEY, tenth int, v real[]);
ALTER TABLE plan_long ALTER v SET STORAGE EXTERNAL, ALTER v SET STATISTICS 10;
INSERT INTO plan_long SELECT i, i % 10, plan_long_vector(i) FROM generate_series(1, 4000) i;
CREATE INDEX plan_long_v ON plan_long USING hvtree (v);

-- 100 that are read at a glance; 2,000 of 1,536 dimensions, where measuring
-- takes longer than the planner charges for it
CREATE TABLE plan_tiny (id int PRIMARY KEY, v real[]);
INSERT INTO plan_tiny SELECT i, ARRAY[sin(i), cos(i), sin(i * 0.3)]::real[] FROM generate_series(1, 100) i;
CREATE INDEX plan_tiny_v ON plan_tiny USING hvtree (v);
CREATE TABLE plan_longer (id int PRIMARY KEY, few int, v real[]);
ALTER TABLE plan_longer ALTER v SET STATISTICS 10;
INSERT INTO plan_longer SELECT i, i / 5, plan_longer_vector(i) FROM generate_series(1, 2000) i;
CREATE INDEX plan_longer_v ON plan_longer USING hvtree (v);
CREATE INDEX plan_longer_few ON plan_longer (few);
CREATE INDEX plan_longer_part ON plan_longer USING hvtree (v real_cosine_ops) WHERE few < 100;
CREATE TABLE plan_longest (id int PRIMARY KEY, tenth int, hundredth int, v real[]);
ALTER TABLE plan_longest ALTER v SET STATISTICS 10;
INSERT INTO plan_longest
	SELECT 2000 * i + id, id % 10, id % 100, v[40 * i + 1:] || v[:40 * i]
	FROM plan_longer, generate_series(0, 2) i WHERE 2000 * i + id <= 5000;
CREATE INDEX plan_longest_v ON plan_longest USING hvtree (v);
CREATE INDEX plan_longest_part ON plan_longest USING hvtree (v real_cosine_ops) WHERE tenth = 1;

-- 50,000 with columns to filter by
CREATE TABLE plan_many (id int PRIMARY KEY, tenth int, hundredth int, few int, note text, v real[]);
ALTER TABLE plan_many ALTER v SET STATISTICS 10;
INSERT INTO plan_many
	SELECT i, i % 10, i / 10 % 100, i / 5, repeat('note', 25), plan_vector(i) FROM generate_series(1, 50000) i;
CREATE INDEX plan_many_v ON plan_many USING hvtree (v);
CREATE INDEX plan_many_few ON plan_many (few);
CREATE INDEX plan_many_part ON plan_many USING hvtree (v real_cosine_ops) WHERE tenth = 1;

-- right after CREATE INDEX, without statistics
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer ORDER BY v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longest ORDER BY v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer WHERE few < 100 ORDER BY v <=> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many WHERE tenth = 1 ORDER BY v <=> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longest WHERE tenth = 1 ORDER BY v <=> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longest WHERE tenth = 1 AND hundredth = 1 ORDER BY v <=> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many WHERE tenth = 1 AND id < 99 ORDER BY v <=> plan_vector(3) LIMIT 10');
VACUUM ANALYZE plan_tiny, plan_short, plan_long, plan_longer, plan_longest, plan_many;

-- the nearest few
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3) LIMIT 100');
SELECT plan_of('SELECT id FROM plan_long ORDER BY v <-> plan_long_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer ORDER BY v <-> plan_longer_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_longer ORDER BY v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer ORDER BY v <-> plan_longer_vector(3) LIMIT 100');
SELECT plan_of('SELECT id FROM plan_longest ORDER BY v <-> plan_longer_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_longest ORDER BY v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longest ORDER BY v <-> plan_longer_vector(3) LIMIT 100');
SELECT plan_of($$SELECT id FROM plan_tiny ORDER BY v <-> '{1,2,3}' LIMIT 10$$);
SELECT plan_of('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many ORDER BY plan_vector(3) <-> v LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many, (VALUES (1)) one ORDER BY v <-> plan_vector(3) LIMIT 10');

-- with filters
SELECT plan_of('SELECT id FROM plan_long WHERE tenth = 1 ORDER BY v <-> plan_long_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_many WHERE tenth = 1 ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many WHERE hundredth = 1 ORDER BY v <-> plan_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_many WHERE few = 1 ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many WHERE few BETWEEN 1 AND 10 ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many WHERE tenth = 1 ORDER BY v <=> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_many ORDER BY v <=> plan_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer WHERE few = 3 ORDER BY v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longer WHERE few < 100 ORDER BY v <=> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT id FROM plan_longest WHERE hundredth = 1 ORDER BY v <-> plan_longer_vector(3) LIMIT 10');

-- a join that leaves few rows, one that leaves all
SELECT plan_of('SELECT l.id FROM plan_longer l JOIN plan_many m ON m.id = l.id WHERE m.few = 7 ORDER BY l.v <-> plan_longer_vector(3) LIMIT 3');
SELECT plan_of('SELECT l.id FROM plan_longer l JOIN plan_many m ON m.id = l.id ORDER BY l.v <-> plan_longer_vector(3) LIMIT 10');
SELECT plan_of('SELECT l.id FROM plan_longer l LEFT JOIN plan_many m ON m.id = l.id AND m.few = 7 ORDER BY l.v <-> plan_longer_vector(3) LIMIT 10');

-- a limit that the planner cannot know, a cursor, a neighbour for each row
PREPARE plan_some (real[], int) AS SELECT id FROM plan_many ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
SELECT plan_of('EXECUTE plan_some (plan_vector(3), 10)');
RESET plan_cache_mode;
DEALLOCATE plan_some;
SELECT plan_of('DECLARE c CURSOR FOR SELECT id FROM plan_many ORDER BY v <-> plan_vector(3)');
SELECT plan_of('SELECT (SELECT b.id FROM plan_many b ORDER BY b.v <-> a.v LIMIT 1) FROM plan_short a WHERE id = 1');

-- all rows in order: reading and sorting them is cheaper
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3)');
SELECT plan_of('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3)');
SELECT plan_of('SELECT count(*) FROM (SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) OFFSET 1) s');
SELECT plan_of($$SELECT id FROM plan_tiny ORDER BY v <-> '{1,2,3}' LIMIT 100$$);
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3) LIMIT 2000');
SELECT plan_of('SELECT id FROM plan_longer ORDER BY v <-> plan_longer_vector(3) LIMIT 2000');
SELECT plan_of('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 50000');

-- windows: those that look at all rows before the first is returned, and others
SELECT frame, plan_of(format('SELECT id, %s FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10', frame)) LIKE '%plan_many_v' AS by_index
FROM unnest(ARRAY[
	'count(*) OVER ()',
	'count(*) OVER (ORDER BY v <-> plan_vector(3) ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)',
	'1 + ntile(4) OVER (ORDER BY v <-> plan_vector(3))',
	'count(*) OVER (ROWS UNBOUNDED PRECEDING)',
	'count(*) OVER (ORDER BY v <-> plan_vector(3))',
	'rank() OVER (ORDER BY v <-> plan_vector(3))']) frame;

-- what the index cannot do, even if nothing else is wanted
SET enable_seqscan = off;
SET enable_sort = off;
SELECT plan_of('SELECT id FROM plan_short WHERE v IS NOT NULL');
SELECT plan_of('SELECT v FROM plan_short');
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3) DESC LIMIT 1');
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <#> plan_vector(3) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3), v <-> plan_vector(4) LIMIT 1');
SELECT plan_of('SELECT id FROM plan_short WHERE v <-> plan_vector(3) < 1');

-- but it is used for all rows if it must be
SELECT plan_of('SELECT id FROM plan_short ORDER BY v <-> plan_vector(3)');
RESET enable_seqscan;
RESET enable_sort;

-- the wider a scan looks, the more it costs
CREATE FUNCTION plan_cost(query text) RETURNS float8
LANGUAGE plpgsql AS
$$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Total Cost';
END
$$;
CREATE TEMP TABLE plan_costs AS
	SELECT 'usual' AS effort, plan_cost('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10') AS cost;
SET hvtree.probes = 200;
INSERT INTO plan_costs
	SELECT 'probes', plan_cost('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10');
RESET hvtree.probes;
SET hvtree.rerank = 1000;
INSERT INTO plan_costs
	SELECT 'rerank', plan_cost('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10');
RESET hvtree.rerank;
ALTER INDEX plan_many_v SET (target_recall = 0.99);
INSERT INTO plan_costs
	SELECT 'recall', plan_cost('SELECT id FROM plan_many ORDER BY v <-> plan_vector(3) LIMIT 10');
SELECT effort, cost > (SELECT cost FROM plan_costs WHERE effort = 'usual') AS more
FROM plan_costs ORDER BY effort;

-- a bound on the distance ends a scan; without an order it is a filter
SELECT plan_of($$SELECT id FROM plan_long WHERE v <-> plan_long_vector(3) < 0.1 ORDER BY v <-> plan_long_vector(3)$$);
SELECT plan_of($$SELECT id FROM plan_long WHERE 1 - (v <-> plan_long_vector(3)) > 0.9 ORDER BY v <-> plan_long_vector(3) LIMIT 500$$);
SELECT plan_of($$SELECT id FROM plan_long WHERE v <-> plan_long_vector(3) < 0.1$$);

-- workers: not for a few near rows, but for many
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 100;
SELECT plan_of($$SELECT id FROM plan_many ORDER BY v <-> '{1,0,1,0,1,0,1,0}' LIMIT 10$$);
SELECT plan_of($$SELECT id FROM plan_many WHERE tenth = 1 ORDER BY v <-> '{1,0,1,0,1,0,1,0}' LIMIT 10$$);
SELECT plan_of($$SELECT id FROM plan_many ORDER BY v <-> '{1,0,1,0,1,0,1,0}' LIMIT 4000$$);
-- each worker would find as many rows of its own
SET enable_sort = off;
SELECT plan_of($$SELECT id FROM plan_many WHERE hundredth = 1 ORDER BY v <-> '{1,0,1,0,1,0,1,0}' LIMIT 10$$);
RESET enable_sort;
-- the table's own number of workers goes first
ALTER TABLE plan_many SET (parallel_workers = 0);
SELECT plan_of($$SELECT id FROM plan_many ORDER BY v <-> '{1,0,1,0,1,0,1,0}' LIMIT 4000$$);
ALTER TABLE plan_many RESET (parallel_workers);
RESET parallel_setup_cost;
SET max_parallel_workers_per_gather = 0;

DROP TABLE plan_tiny, plan_short, plan_long, plan_longer, plan_longest, plan_many, plan_costs;
DROP FUNCTION plan_vector, plan_long_vector, plan_longer_vector, plan_of, plan_cost;
