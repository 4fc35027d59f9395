"""Mails tickets to the support address: the outbox, the form of a message, and the mail server."""
