"""Tests of models/support."""
