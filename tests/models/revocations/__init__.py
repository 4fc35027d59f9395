"""Tests of the revocation journal."""
