"""Servers that tests start: Keydesk itself, Redis, and small ones of the tests' own."""
