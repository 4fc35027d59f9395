"""Helpers for tests of keys: issued keys, limiters, and the forms in which people paste a key."""
