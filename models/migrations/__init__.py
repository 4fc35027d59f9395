"""The revisions of the database's schema: what there is, where a database is, and how it gets to another."""
