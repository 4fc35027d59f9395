"""Tests of app/verify."""
