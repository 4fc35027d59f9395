"""Helpers for GraphQL tests: documents, and small schemas."""
