"""Tests of models/usage."""
