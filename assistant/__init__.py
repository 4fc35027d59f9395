"""Explains: why a key fails and what to do, in words that rest on the decisions of `keys`."""
