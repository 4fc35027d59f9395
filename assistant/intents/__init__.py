"""What a message may be about, and what it names."""
