"""Who is told of what: settings, the events that mails and webhooks tell, and what each of them makes of an event."""
