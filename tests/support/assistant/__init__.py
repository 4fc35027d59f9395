"""Helpers for the assistant's tests: people who ask, facts, and organizations to ask about."""
