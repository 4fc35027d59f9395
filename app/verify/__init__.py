"""The verification endpoint, /v1/verify."""
