--
-- Installing, moving and dropping the extension
--

SELECT extname, extversion = default_version AS newest, extrelocatable
FROM pg_extension JOIN pg_available_extensions ON name = extname WHERE extname = 'hvindex';
SELECT superuser, trusted, relocatable, requires
FROM pg_available_extension_versions WHERE name = 'hvindex' AND installed;

-- an index keeps the extension from being dropped
CREATE TABLE kept (v real[]);
CREATE INDEX kept_v ON kept USING hvtree (v);
\set VERBOSITY terse
DROP EXTENSION hvindex;
\set VERBOSITY default

-- all of it can move to another schema, with indexes in use
CREATE SCHEMA vectors;
ALTER EXTENSION hvindex SET SCHEMA vectors;
SELECT '{1}'::real[] <-> '{2}' AS not_found;
SELECT '{1}'::real[] OPERATOR(vectors.<->) '{2}' AS found;
INSERT INTO kept VALUES ('{1,2}'), ('{3,4}');
SELECT v FROM kept ORDER BY v OPERATOR(vectors.<->) '{3,3}';
SELECT pg_get_indexdef('kept_v'::regclass);
ALTER EXTENSION hvindex SET SCHEMA public;
SELECT v FROM kept ORDER BY v <-> '{3,3}';
DROP SCHEMA vectors;
DROP TABLE kept;

-- the owner of a database may install it without being superuser
CREATE ROLE hvindex_owner;
CREATE DATABASE hvindex_owned OWNER hvindex_owner;
\connect hvindex_owned
SET ROLE hvindex_owner;
CREATE SCHEMA mine;
CREATE EXTENSION hvindex SCHEMA mine;
CREATE TABLE mine.items (v real[]);
CREATE INDEX ON mine.items USING hvtree (v mine.real_cosine_ops);
DROP EXTENSION hvindex CASCADE;
\connect contrib_regression
DROP DATABASE hvindex_owned;
DROP ROLE hvindex_owner;
