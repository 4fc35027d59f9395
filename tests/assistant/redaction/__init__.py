"""Tests of assistant/redaction."""
