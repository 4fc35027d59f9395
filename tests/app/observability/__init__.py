"""Tests of app/observability."""
