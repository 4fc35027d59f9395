"""Trains and evaluates the assistant's understanding. No part of what is served."""
