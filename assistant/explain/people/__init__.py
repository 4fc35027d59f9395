"""Answers about people and agents: invitations, roles, leaving, signing in, mails, agents."""
