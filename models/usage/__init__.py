"""Counts, callers and refused requests."""
