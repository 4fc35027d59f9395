"""Tests of app/outbound."""
