"""The verification endpoint."""
