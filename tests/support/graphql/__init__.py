"""What tests of GraphQL share: documents that they ask, and tiny schemas."""
