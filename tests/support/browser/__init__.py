"""Helpers for browser tests: the browser, the demo that it shows, and the network between them."""
