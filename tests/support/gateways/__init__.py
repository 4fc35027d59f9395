"""What tests of gateways and proxies share: the programs, their configurations, and sites behind them."""
