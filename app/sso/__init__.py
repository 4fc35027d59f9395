"""Single sign-on by OpenID Connect: the provider's documents and keys, the sign-in, and the logout by the provider."""
