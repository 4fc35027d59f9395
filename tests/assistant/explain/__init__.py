"""Tests of assistant/explain."""
