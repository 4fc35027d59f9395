"""GraphQL types of what Keydesk tells people and programs."""
