"""The base of errors that say what is wrong to the person who caused them."""


class ExpectedError(Exception):
    """An error whose text is a sentence for the person who caused it, and no sign of a bug. It contains no secret."""
