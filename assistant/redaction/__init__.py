"""Removes secrets from messages before they are stored, logged or processed."""
