"""What the operator's programs do for a host product: organizations, agents and people by its own ids, and sign-in."""
