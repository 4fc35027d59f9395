"""Trains and evaluates the model by which the assistant understands messages. The server does not use this code."""
