"""Verification beside other ways to check API keys: see benchmarks/README.md."""
