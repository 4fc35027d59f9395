"""The tables of single sign-on: identities at the provider, what its groups mean, and what was used once."""
