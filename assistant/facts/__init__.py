"""What the asking person may see of what the question is about."""
