CREATE TABLE items (id int, v real[], i2 int2, i4 int4, i8 int8, b bool, f4 float4, f8 float8, n numeric, d date, ts timestamp,
	tz timestamptz, tm time, u uuid, t text COLLATE "C", c char(5) COLLATE "C", y bytea, tags int[], words text[] COLLATE "C");
CREATE INDEX items_v ON items USING hvtree (v, i2, i4, i8, b, f4, f8, n, d, ts, tz, tm, u, t, c, y, tags, words) WITH (leaf_size = 8);
