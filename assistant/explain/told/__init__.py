"""Explanations of causes that the person tells, weighed with the records."""
