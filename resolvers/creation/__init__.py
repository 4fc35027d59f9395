"""Creates API keys: never more than the limit, whatever happens at once, and once for each client request id."""
