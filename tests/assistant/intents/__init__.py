"""Tests of assistant/intents."""
