"""Tests of assistant/facts."""
