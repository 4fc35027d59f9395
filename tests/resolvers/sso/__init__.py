"""Tests of resolvers/sso."""
