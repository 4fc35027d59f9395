"""What is remembered of verifications, written behind them."""
