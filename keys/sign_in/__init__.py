"""Rules of signing in: passwords, sessions and throttling."""
