"""Tests of keys/usage."""
