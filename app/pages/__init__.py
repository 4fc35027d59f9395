"""Serves the console, GraphiQL and the documentation."""
