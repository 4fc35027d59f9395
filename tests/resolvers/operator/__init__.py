"""Tests of resolvers/operator."""
