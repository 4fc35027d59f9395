"""Helpers for ticket tests: due tickets, and a mail server that receives them."""
