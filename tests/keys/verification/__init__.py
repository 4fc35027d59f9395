"""Tests of keys/verification."""
