"""What tests of the assistant share: people who ask, facts, and organizations to ask about."""
