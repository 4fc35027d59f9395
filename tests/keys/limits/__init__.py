"""Tests of keys/limits."""
