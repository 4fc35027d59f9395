"""What `keydesk doctor` checks."""
