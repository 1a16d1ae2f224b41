--
-- Conditions on key columns: what is tested in the index, and what is not
--

SET timezone = 'UTC';
SET enable_seqscan = off;
CREATE TABLE goods (
	id int, v real[], tenant int, kind text, made timestamptz, ok boolean, tags int[], price numeric);
INSERT INTO goods
SELECT i, ARRAY[i % 31, i % 17, i % 7, i % 5]::real[], nullif(i % 10, 9), 'kind ' || i % 3,
	'2024-01-01'::timestamptz + i * interval '1 hour', i % 2 = 0, ARRAY[i % 4, 10 + i % 6], i / 8.0
FROM generate_series(1, 600) i;
CREATE INDEX goods_v ON goods USING hvtree (v, tenant, kind, made, ok, tags, price) WITH (leaf_size = 8);
ANALYZE goods;
SELECT format_version FROM hvtree_info('goods_v');

-- what a plan looks like
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE tenant = 3 ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE tenant IN (3, 4) ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE ok AND NOT tenant IS NULL ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE NOT ok ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods
WHERE kind = 'kind 1' AND made >= '2024-01-05'::date AND made < '2024-01-09 12:00'::timestamp
	AND price BETWEEN 3 AND 40.5 AND tags && '{2,11}'
ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE tenant + 1 = 4 AND id > 5 ORDER BY v <-> '{1,2,3,4}' LIMIT 3;

-- never without an order, nor for rows that the index has not
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE tenant = 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE v IS NULL ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE v IS NOT NULL AND tenant = 3 ORDER BY v <-> '{1,2,3,4}' LIMIT 3;

-- a condition of each kind, as the table answers it
CREATE FUNCTION differs(condition text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
	by_index int[];
	by_table int[];
BEGIN
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM goods WHERE ' || condition INTO by_table;
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_indexscan = on;
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM goods WHERE ' || condition ||
		' ORDER BY v <-> ''{1,2,3,4}'' LIMIT 600) s' INTO by_index;
	RETURN CASE WHEN by_index IS DISTINCT FROM by_table THEN 'differs: ' || condition
		ELSE coalesce(cardinality(by_table), 0)::text END;
END
$$;
SELECT condition, differs(condition) FROM unnest(ARRAY[
	'tenant = 3', 'tenant = 3::bigint', 'tenant = 3000000000', '4 > tenant', 'tenant <= -1', 'tenant IS NULL',
	'tenant IS NOT NULL AND tenant > 7', 'tenant IN (1, NULL, 8, 1)', 'tenant = ANY (''{}'')',
	'tenant = ANY (NULL::int[])', 'tenant = NULL::int', 'tenant < ANY (''{2,1}'')', 'tenant >= ANY (''{7,8}'')',
	'kind = ''kind 2''', 'kind > ''kind 1''', 'kind = ''''', 'kind IN (''kind 0'', ''other'')',
	'made = ''2024-01-02 05:00+00''', 'made > ''2024-01-20''::date', 'made <= ''2024-01-03 01:00''::timestamp',
	'ok', 'NOT ok', 'ok IS TRUE', 'ok IS FALSE', 'ok = true AND tenant = 2', 'ok IS NOT TRUE',
	'tags @> ''{1,12}''', 'tags && ''{3,15}''', 'tags @> ''{}''', 'tags && ''{}''', 'tags @> ''{1,NULL}''', 'tags && ''{1,NULL}''',
	'price = 1', 'price = 1.125', 'price > 74.99', 'price < 0.2500000000000000000001', 'price = ''NaN''',
	'(tenant, id) < (2, 50)', 'tenant = 1 OR tenant = 2', 'tenant <> 3'
]) WITH ORDINALITY u(condition, i) ORDER BY i;

-- parameters: of a generic plan, of an outer row, of a subquery, of a function
PREPARE by_tenant (int, real[]) AS SELECT id FROM goods WHERE tenant = $1 ORDER BY v <-> $2 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_tenant (3, '{1,2,3,4}');
EXECUTE by_tenant (3, '{1,2,3,4}');
EXECUTE by_tenant (NULL, '{1,2,3,4}');
RESET plan_cache_mode;
EXPLAIN (COSTS OFF)
SELECT t.tenant, n.id FROM (VALUES (1), (2)) t (tenant),
	LATERAL (SELECT id FROM goods g WHERE g.tenant = t.tenant ORDER BY v <-> '{1,2,3,4}' LIMIT 2) n;
SELECT t.tenant, count(*), count(*) FILTER (WHERE n.tenant = t.tenant) AS right_ones FROM (VALUES (1), (2), (NULL)) t (tenant),
	LATERAL (SELECT tenant FROM goods g WHERE g.tenant = t.tenant ORDER BY v <-> '{1,2,3,4}' LIMIT 2) n
GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT id FROM goods WHERE tenant = (SELECT min(tenant) FROM goods) ORDER BY v <-> '{1,2,3,4}' LIMIT 7) s;

-- a cursor goes back to the first row with other parameters of the subplan
BEGIN;
DECLARE c CURSOR FOR SELECT tenant FROM goods WHERE tenant = 5 ORDER BY v <-> '{1,2,3,4}';
FETCH 2 FROM c;
MOVE ALL FROM c;
CLOSE c;
COMMIT;

-- an expression as a key column; a row pointer that changes with a key column
CREATE INDEX goods_lower ON goods USING hvtree (v, lower(kind), (tenant * 2));
EXPLAIN (COSTS OFF) SELECT id FROM goods WHERE lower(kind) = 'kind 1' AND tenant * 2 < 4 ORDER BY v <-> '{1,2,3,4}' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM goods WHERE lower(kind) = 'kind 1' AND tenant * 2 < 4 ORDER BY v <-> '{1,2,3,4}' LIMIT 600) s;
DROP INDEX goods_lower;
UPDATE goods SET tenant = 77, tags = NULL WHERE id <= 5;
SELECT differs('tenant = 77'), differs('tags IS NULL'), differs('tenant < 9');
INSERT INTO goods (id, v, tenant) VALUES (601, NULL, 77), (602, '{1,2,3,4}', 78);
SELECT id FROM goods WHERE tenant > 9 AND v IS NOT NULL ORDER BY v <-> '{1,2,3,4}', id;
VACUUM goods;
SELECT hvtree_check('goods_v', true) > 0 AS sound;

-- an index that grew from nothing has the same columns
TRUNCATE goods;
INSERT INTO goods (id, v, tenant) SELECT i, ARRAY[i % 9, i % 8, 1, 2]::real[], i % 3 FROM generate_series(1, 300) i;
SELECT differs('tenant = 2'), differs('kind IS NULL'), hvtree_check('goods_v', true) > 0 AS sound;

-- what cannot be a key column
CREATE TABLE oddities (v real[], p point, ps point[], w real[], x xml);
CREATE INDEX ON oddities USING hvtree (v, p);
CREATE INDEX ON oddities USING hvtree (v, ps);
CREATE INDEX ON oddities USING hvtree (v, w);
CREATE INDEX ON oddities USING hvtree (p, v);
CREATE INDEX ON oddities USING hvtree (v, x);

DROP FUNCTION differs(text);
DROP TABLE goods, oddities;
