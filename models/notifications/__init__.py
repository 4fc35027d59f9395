"""What Keydesk tells people and programs: events, who is told, webhooks, and reports of exposed keys."""
