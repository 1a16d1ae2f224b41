CREATE TABLE items (id int, v real[]);
CREATE INDEX items_v ON items USING hvtree (v real_cosine_ops) WITH (leaf_size = 8, spill = on);
