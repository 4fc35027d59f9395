"""Tests of keys/sign_in."""
