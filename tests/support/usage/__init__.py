"""Helpers for usage tests: rows, stores, and recorded requests."""
