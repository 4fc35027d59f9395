"""Rules for signing in: passwords, sessions, device cookies and throttling."""
