"""Tests of failing and changing servers: PostgreSQL with a replica, poolers, Redis. `make test-faults` runs them."""
