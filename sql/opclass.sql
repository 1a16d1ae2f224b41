--
-- Catalogue: the access method, its operator classes, what they promise
--

SELECT amname, amtype, amhandler FROM pg_am WHERE amname = 'hvtree';

-- every operator class is complete
SELECT opcname, opcintype::regtype, opcdefault, amvalidate(c.oid) AS valid
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
WHERE a.amname = 'hvtree'
ORDER BY opcname COLLATE "C";

-- each orders by its operator, in the order of float8
SELECT f.opfname, amopstrategy, amopopr::regoperator, amoppurpose, sf.opfname AS sort_family
FROM pg_amop
JOIN pg_opfamily f ON f.oid = amopfamily
JOIN pg_am a ON a.oid = amopmethod
JOIN pg_opfamily sf ON sf.oid = amopsortfamily
WHERE a.amname = 'hvtree'
ORDER BY f.opfname COLLATE "C";

SELECT opfname, amprocnum, amproc::regprocedure
FROM pg_amproc
JOIN pg_opfamily f ON f.oid = amprocfamily
JOIN pg_am a ON a.oid = f.opfmethod
WHERE a.amname = 'hvtree'
ORDER BY opfname COLLATE "C", amproc::regprocedure::text COLLATE "C";

-- what the planner may count on
SELECT prop, pg_indexam_has_property(a.oid, prop) AS value
FROM pg_am a,
	 unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) prop
WHERE amname = 'hvtree'
ORDER BY prop;
CREATE TABLE catalogue (v real[]);
CREATE INDEX catalogue_v ON catalogue USING hvtree (v);
SELECT prop, pg_index_column_has_property('catalogue_v', 1, prop) AS value
FROM unnest(ARRAY['asc', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) prop
ORDER BY prop;
SELECT prop, pg_index_has_property('catalogue_v', prop) AS value
FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) prop
ORDER BY prop;

-- the default operator class is that of Euclidean distance
SELECT pg_get_indexdef('catalogue_v'::regclass);
CREATE INDEX catalogue_all ON catalogue USING hvtree (v real_l2_ops);
CREATE INDEX ON catalogue USING hvtree (v real_ip_ops);
CREATE INDEX ON catalogue USING hvtree (v real_cosine_ops);
SELECT indexdef FROM pg_indexes WHERE tablename = 'catalogue' ORDER BY indexdef COLLATE "C";

-- what cannot be indexed
CREATE TABLE others (a int, d float8[], v real[]);
CREATE INDEX ON others USING hvtree (a);
CREATE INDEX ON others USING hvtree (d);
CREATE INDEX ON others USING hvtree (d real_l2_ops);
CREATE UNIQUE INDEX ON others USING hvtree (v);
CREATE INDEX ON others USING hvtree (v, v real_ip_ops);
CREATE INDEX ON others USING hvtree (v) INCLUDE (a);
CREATE INDEX ON others USING hvtree (v DESC);
ALTER TABLE others ADD EXCLUDE USING hvtree (v WITH =);
CLUSTER catalogue USING catalogue_v;

-- every object carries a comment; the row types of a view are members from 17 on
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hvindex')
  AND classid <> 'pg_type'::regclass
  AND obj_description(objid, classid::regclass::name) IS NULL
ORDER BY 1;

-- the functions are what their declarations say
SELECT proname, provolatile, proisstrict, proparallel
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hvindex')
ORDER BY proname COLLATE "C";

-- functions with internal arguments cannot be called
-- (the words of the refusal differ between minor releases)
DO $$
DECLARE
	call text;
BEGIN
	FOREACH call IN ARRAY ARRAY['hvtree_handler(NULL)', 'hvtree_real_l2_support(NULL)'] LOOP
		BEGIN
			EXECUTE 'SELECT ' || call;
			RAISE NOTICE '% was called', call;
		EXCEPTION WHEN undefined_function OR feature_not_supported THEN
			RAISE NOTICE '% was refused', call;
		END;
	END LOOP;
END $$;

DROP TABLE catalogue, others;
