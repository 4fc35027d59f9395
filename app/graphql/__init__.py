"""GraphQL over HTTP: the endpoint, its limits, and subscriptions as server-sent events."""
