"""Requests from Keydesk to other servers, under one policy."""
