"""Tests of resolvers/creation."""
