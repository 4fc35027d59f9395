"""The demo organization: its people, keys and a month of usage."""
