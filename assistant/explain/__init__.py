"""Builds diagnoses from facts, one file a subject."""
