"""Conversations, messages and tickets."""
