"""The operator's language model, which may help the assistant to choose among the readings of an unclear message."""
