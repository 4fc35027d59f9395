"""Renders a diagnosis as text, and stores it."""
