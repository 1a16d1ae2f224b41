--
-- hvtree_maintain, and what hvtree_info says about the state of a tree
--

CREATE FUNCTION maintain_vector(i int, dims int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, dims) j $$;

CREATE TABLE maintained (id int, v real[]) WITH (autovacuum_enabled = off);

-- an index without rows, and one of a single leaf: nothing to do, nothing to say
CREATE INDEX maintained_v ON maintained USING hvtree (v) WITH (spill = off, leaf_size = 20, branching = 10);
SELECT * FROM hvtree_maintain('maintained_v');
SELECT leaf_fill_histogram, misplaced, centroid_age FROM hvtree_info('maintained_v');
INSERT INTO maintained SELECT i, maintain_vector(i, 16) FROM generate_series(1, 15) i;
SELECT * FROM hvtree_maintain('maintained_v');
SELECT leaf_fill_histogram, misplaced, centroid_age FROM hvtree_info('maintained_v');

-- one that grows
INSERT INTO maintained SELECT i, maintain_vector(i, 16) FROM generate_series(16, 2000) i;
CREATE VIEW maintained_state AS
	SELECT rows, (SELECT sum(n) FROM unnest(leaf_fill_histogram) n) = level_pages[1] AS all_leaves,
		cardinality(leaf_fill_histogram) AS classes,
		misplaced BETWEEN 0 AND 0.5 AS placed, centroid_age BETWEEN 0 AND 10 AS age
	FROM hvtree_info('maintained_v');
SELECT * FROM maintained_state;
SELECT pages_visited >= level_pages[1] AS every_page, rows_read >= 2000 AS every_row,
	rows_moved >= 0 AND centroids_moved >= 0 AND pages_merged >= 0 AND pages_freed >= pages_merged
	AND levels_removed = 0 AS counts, complete
FROM hvtree_info('maintained_v'), LATERAL hvtree_maintain('maintained_v');
SELECT * FROM maintained_state;
SELECT hvtree_check('maintained_v') > 0 AS checked;

-- the sample is drawn by a fixed seed
SELECT (SELECT misplaced FROM hvtree_info('maintained_v')) =
	(SELECT misplaced FROM hvtree_info('maintained_v')) AS the_same;

-- a budget ends a run, and the next one goes on
SELECT rows_read <= 1200 AS few, complete FROM hvtree_maintain('maintained_v', 0);
SELECT pages_visited > 0 AS some, rows_read BETWEEN 600 AND 1900 AS enough, complete
FROM hvtree_maintain('maintained_v', 600);
SELECT rows_read BETWEEN 600 AND 1900 AS enough, complete FROM hvtree_maintain('maintained_v', budget => 600);
SELECT complete FROM hvtree_maintain('maintained_v', 1000000);
-- small budgets make a round of several calls, which ends
DO $$
DECLARE
	calls int := 0;
	ended bool := false;
BEGIN
	WHILE NOT ended LOOP
		SELECT complete INTO ended FROM hvtree_maintain('maintained_v', 200);
		calls := calls + 1;
		ASSERT calls < 100, 'a round of maintenance does not end';
	END LOOP;
	ASSERT calls > 1, 'one call did everything';
END
$$;

-- rows that are gone leave the tree smaller
DELETE FROM maintained WHERE id % 10 <> 0;
CREATE TEMP TABLE before AS SELECT level_pages[1] AS leaves FROM hvtree_info('maintained_v');
VACUUM maintained;
SELECT complete FROM hvtree_maintain('maintained_v');
SELECT level_pages[1] < leaves AS fewer, free_pages > 0 AS given_back, rows
FROM hvtree_info('maintained_v'), before;
SELECT * FROM maintained_state;
SELECT hvtree_check('maintained_v') > 0 AS checked;
SET enable_seqscan = off;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM maintained ORDER BY v <-> maintain_vector(77, 16) LIMIT 1000) s;
RESET enable_seqscan;

-- a transaction that is rolled back leaves the tree in order
BEGIN;
INSERT INTO maintained SELECT i, maintain_vector(i, 16) FROM generate_series(3001, 3500) i;
SELECT complete FROM hvtree_maintain('maintained_v');
ROLLBACK;
SELECT complete FROM hvtree_maintain('maintained_v');
SELECT hvtree_check('maintained_v') > 0 AS checked;

-- what cannot be maintained
SELECT hvtree_maintain('maintained');
SELECT hvtree_maintain('maintained_state');
SELECT hvtree_maintain(0);
SELECT hvtree_maintain(NULL) IS NULL AS no_index, hvtree_maintain('maintained_v', NULL) IS NULL AS no_budget;
CREATE INDEX maintained_id ON maintained (id);
SELECT hvtree_maintain('maintained_id');
CREATE TABLE maintained_parts (id int, v real[]) PARTITION BY RANGE (id);
CREATE TABLE maintained_part PARTITION OF maintained_parts FOR VALUES FROM (0) TO (100);
CREATE INDEX maintained_parts_v ON maintained_parts USING hvtree (v);
SELECT hvtree_maintain('maintained_parts_v');
SELECT complete FROM hvtree_maintain('maintained_part_v_idx');
INSERT INTO maintained VALUES (5, maintain_vector(5, 16));
CREATE INDEX CONCURRENTLY maintained_invalid ON maintained
	USING hvtree ((array_fill((1 / (id - 5))::real, ARRAY[3])));
SELECT hvtree_maintain('maintained_invalid');

-- who may VACUUM the table may do it, and nobody else
CREATE ROLE regress_hvtree_owner;
CREATE ROLE regress_hvtree_other;
GRANT pg_read_all_stats, pg_read_all_data TO regress_hvtree_other;
ALTER TABLE maintained OWNER TO regress_hvtree_owner;
SET ROLE regress_hvtree_other;
SELECT hvtree_maintain('maintained_v');
RESET ROLE;
SET ROLE regress_hvtree_owner;
SELECT complete FROM hvtree_maintain('maintained_v');
RESET ROLE;

-- what an index expression does is done as the owner of the table
CREATE FUNCTION maintain_as(v real[]) RETURNS real[] LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN
	IF current_user <> 'regress_hvtree_owner' THEN
		RAISE EXCEPTION 'run as %', current_user;
	END IF;
	RETURN v;
END $$;
CREATE INDEX maintained_as ON maintained USING hvtree (maintain_as(v)) WITH (leaf_size = 20);
SELECT level_pages[1] > 1 AS leaves, misplaced IS NOT NULL AS looked FROM hvtree_info('maintained_as');
SELECT rows_read > 0 AS read, complete FROM hvtree_maintain('maintained_as');
SELECT maintain_as('{1}');
\set VERBOSITY terse
DROP TABLE before, maintained CASCADE;
\set VERBOSITY default
DROP ROLE regress_hvtree_owner, regress_hvtree_other;
DROP TABLE maintained_parts;
DROP FUNCTION maintain_vector, maintain_as;
