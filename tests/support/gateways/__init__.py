"""Helpers for tests of gateways and proxies: the programs, their configurations, and sites behind them."""
