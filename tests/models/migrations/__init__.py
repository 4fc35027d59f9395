"""Tests of models/migrations."""
