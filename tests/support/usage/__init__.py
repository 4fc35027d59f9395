"""What tests of usage share: rows, stores, and what is recorded."""
