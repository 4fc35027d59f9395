"""Mail: the outbox, what a message looks like, and the server it goes to."""
