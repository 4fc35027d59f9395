"""Signs people in by the identity provider, and keeps memberships as its groups say."""
