"""Tests of app/assistant_model."""
