"""Removes secrets from messages before anything else looks at them."""
