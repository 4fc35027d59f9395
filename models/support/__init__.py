"""The tables of the support assistant: conversations, messages, tickets, and what they need."""
