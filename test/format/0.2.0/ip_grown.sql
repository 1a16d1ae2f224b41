CREATE TABLE items (id int, v real[]);
CREATE INDEX items_v ON items USING hvtree (v real_ip_ops) WITH (leaf_size = 16, branching = 8);
