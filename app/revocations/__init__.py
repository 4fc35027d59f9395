"""The revocation journal at work: where it is, the check before the server starts, and the look while it runs."""
