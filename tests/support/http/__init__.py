"""What tests of HTTP share: clients, good and bad, and what they send."""
