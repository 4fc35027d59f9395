"""What all tables share: the database, column types, batching and locks."""
