"""Servers that tests start: Keydesk itself, Redis, and small test servers."""
