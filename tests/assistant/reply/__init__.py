"""Tests of assistant/reply."""
