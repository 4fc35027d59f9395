"""Tests of app/revocations."""
