"""Decides whether a presented key is good."""
