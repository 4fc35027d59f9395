"""Tests of the sentences of answers and of their translations."""
