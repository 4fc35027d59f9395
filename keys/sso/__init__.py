"""Rules of single sign-on by OpenID Connect: signatures, claims, and the state of a sign-in."""
