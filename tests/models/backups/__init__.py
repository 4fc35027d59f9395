"""Tests of models/backups."""
