"""The tables of usage: counts, callers, refused requests, and the stores that write them."""
