"""Tests of keys/sso."""
