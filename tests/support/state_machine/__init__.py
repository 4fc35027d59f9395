"""The model that the state machine compares Keydesk with, and what drives both."""
