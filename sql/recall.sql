--
-- What an index has measured about itself, and hvtree_recall
--

CREATE FUNCTION recall_vector(i int) RETURNS real[]
LANGUAGE sql IMMUTABLE AS
$$ SELECT array_agg(sin(i * 0.37 * (1 + j % 7) + j)::real) FROM generate_series(1, 16) j $$;

CREATE TABLE recalled (id int, tenth int, v real[]) WITH (autovacuum_enabled = off);

-- an index without rows, and one of a single page, have nothing to measure
CREATE INDEX recalled_v ON recalled USING hvtree (v);
SELECT calibrated_rows, calibration FROM hvtree_info('recalled_v');
SELECT * FROM hvtree_recall('recalled_v');
INSERT INTO recalled SELECT i, i % 10, recall_vector(i) FROM generate_series(1, 20) i;
VACUUM recalled;
SELECT calibrated_rows, calibration FROM hvtree_info('recalled_v');
SELECT recall, queries_answered, neighbors, mean_leaves FROM hvtree_recall('recalled_v', 5, 10);

-- one that has grown measures itself when it is vacuumed, or maintained
INSERT INTO recalled SELECT i, i % 10, recall_vector(i) FROM generate_series(21, 3000) i;
SELECT calibrated_rows IS NULL AS not_yet FROM hvtree_info('recalled_v');
VACUUM recalled;
SELECT calibrated_rows, calibration->'queries' AS queries, jsonb_array_length(calibration->'points') AS points
FROM hvtree_info('recalled_v');
SELECT pages_visited > 0 AS looked_after FROM hvtree_maintain('recalled_v');

-- so does one that is built, and the same again
CREATE INDEX recalled_cosine ON recalled USING hvtree (v real_cosine_ops) WITH (leaf_size = 20, branching = 8);
CREATE TEMP TABLE curves AS SELECT calibration FROM hvtree_info('recalled_cosine');
REINDEX INDEX recalled_cosine;
SELECT calibrated_rows, calibration = (SELECT calibration FROM curves) AS the_same FROM hvtree_info('recalled_cosine');
SELECT p->>'target' AS target, p->>'rows' AS rows, (p->>'margin')::float8 BETWEEN 0 AND 10 AS margin,
	(p->>'read')::float8 BETWEEN 1 AND (p->>'leaves')::float8 + 1 AS leaves,
	(p->>'fetches')::float8 >= 1 AS fetches
FROM hvtree_info('recalled_cosine'), jsonb_array_elements(calibration->'points') p;

-- more of it takes more
SET enable_seqscan = off;
CREATE FUNCTION recall_leaves(target float8) RETURNS bigint
LANGUAGE plpgsql AS
$$
DECLARE
	leaves bigint := 0;
BEGIN
	PERFORM set_config('hvtree.target_recall', target::text, true);
	FOR i IN 1 .. 20 LOOP
		PERFORM id FROM recalled ORDER BY v <=> recall_vector(100 * i) LIMIT 10;
		leaves := leaves + (SELECT level_pages[1] FROM hvtree_last_scan());
	END LOOP;
	RETURN leaves;
END
$$;
SELECT recall_leaves(0.8) < recall_leaves(0.99) AND recall_leaves(0.99) <= recall_leaves(0.9999) AS more_leaves;

-- by hand still wins
SET hvtree.probes = 3;
SELECT id IS NOT NULL AS found FROM recalled ORDER BY v <=> recall_vector(5) LIMIT 1;
SELECT level_pages[1] AS leaves FROM hvtree_last_scan();
RESET hvtree.probes;

-- nodes of each level: one for every level that there is, more do no harm
SET hvtree.probes_per_level = ' 2, 3 ,4,5,6,7,8,9';
SELECT id IS NOT NULL AS found FROM recalled ORDER BY v <=> recall_vector(5) LIMIT 1;
SELECT height > 2 AS high, level_pages[1] = height + 1 AS leaves, level_pages[height] = 2 AS below_root,
	level_pages[height - 1] = 3 AS next
FROM hvtree_last_scan(), LATERAL (SELECT height FROM hvtree_info('recalled_cosine')) s;
SET hvtree.probes_per_level = '1';
SELECT count(*) FROM (SELECT FROM recalled ORDER BY v <=> recall_vector(5) LIMIT 2000) s;
SET hvtree.probes_per_level = '0, -5, 99999999999';
SELECT id IS NOT NULL AS found FROM recalled ORDER BY v <=> recall_vector(5) LIMIT 1;
SET hvtree.probes_per_level = '2,';
SET hvtree.probes_per_level = '2 3';
SET hvtree.probes_per_level = 'many';
SET hvtree.probes_per_level = '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1';
RESET hvtree.probes_per_level;
ALTER INDEX recalled_cosine SET (probes_per_level = '2,2,2,2,2,2,2,2');
SELECT id IS NOT NULL AS found FROM recalled ORDER BY v <=> recall_vector(5) LIMIT 1;
SELECT level_pages[1] AS leaves FROM hvtree_last_scan();
ALTER INDEX recalled_cosine SET (probes_per_level = 'x');
ALTER INDEX recalled_cosine RESET (probes_per_level);

-- everything is found if everything is read, nothing but what is in a leaf if one is
SET hvtree.probes = 10000;
SET hvtree.rerank = 10000;
SELECT recall, recall_low < 1 AND recall_low > 0.9 AS low, recall_high, queries_answered, neighbors,
	mean_fetches, median_us > 0 AND exact_us > 0 AS times
FROM hvtree_recall('recalled_v', 7, 40);
SET hvtree.probes = 1;
RESET hvtree.rerank;
SELECT recall < 1 AS less, recall BETWEEN recall_low AND recall_high AS within, mean_leaves >= 1 AS leaves
FROM hvtree_recall('recalled_cosine', 10, 40);

-- counted by hand
CREATE TEMP TABLE asked AS SELECT i AS id, recall_vector(10000 + i) AS v FROM generate_series(1, 30) i;
CREATE FUNCTION recall_by_hand(k int) RETURNS float8
LANGUAGE plpgsql AS
$$
DECLARE
	q real[];
	limit_distance float8;
	hits float8 := 0;
BEGIN
	FOR q IN SELECT v FROM asked LOOP
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_indexscan = off;
		SELECT max(d) INTO limit_distance
		FROM (SELECT v <-> q AS d FROM recalled ORDER BY v <-> q LIMIT k) s;
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_indexscan = on;
		hits := hits + (SELECT count(*) FROM (SELECT v <-> q AS d FROM recalled ORDER BY v <-> q LIMIT k) s
						WHERE d <= limit_distance);
	END LOOP;
	RETURN hits / k / 30;
END
$$;
SELECT abs(recall - recall_by_hand(10)) < 1e-9 AS right_10, queries_answered, neighbors
FROM hvtree_recall('recalled_v', 'SELECT v FROM asked');
SELECT abs(recall - recall_by_hand(50)) < 1e-9 AS right_50, neighbors
FROM hvtree_recall('recalled_v', 'SELECT v FROM asked', 50);
RESET hvtree.probes;

-- only rows that the index should have, and that the caller can see
CREATE INDEX recalled_part ON recalled USING hvtree (v) WHERE tenth = 1;
CREATE INDEX recalled_double ON recalled USING hvtree ((v || v));
SELECT recall > 0.8 AS high FROM hvtree_recall('recalled_part');
SELECT recall > 0.8 AS high FROM hvtree_recall('recalled_double', k => 5, queries => 20);
BEGIN;
DELETE FROM recalled WHERE id > 10;
SELECT recall, queries_answered FROM hvtree_recall('recalled_v', 10, 100);
ROLLBACK;

-- what cannot be
SELECT hvtree_recall('recalled');
SELECT hvtree_recall('recalled_v', 0);
SELECT hvtree_recall('recalled_v', 10, 100000);
SELECT hvtree_recall('recalled_v', 'SELECT 1');
SELECT hvtree_recall('recalled_v', 'DELETE FROM recalled');
SELECT hvtree_recall('recalled_v', 'SELECT ''{1,2}''::real[]');
SELECT recall, queries_answered FROM hvtree_recall('recalled_v', 'SELECT NULL::real[]');
SELECT hvtree_recall(NULL, 10, 10) IS NULL AS null_for_null;

-- who may not read the table may not ask
CREATE ROLE recall_stranger;
SET ROLE recall_stranger;
SELECT hvtree_recall('recalled_v');
RESET ROLE;
DROP ROLE recall_stranger;

DROP TABLE recalled, curves, asked;
DROP FUNCTION recall_vector, recall_leaves, recall_by_hand;
