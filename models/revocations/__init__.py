"""The revocation journal, which outlives the database, and what a restored database has forgotten of it."""
