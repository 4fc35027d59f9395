"""Helpers for HTTP tests: clients, well-behaved and malicious, and their requests."""
