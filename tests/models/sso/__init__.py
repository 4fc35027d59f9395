"""Tests of models/sso."""
