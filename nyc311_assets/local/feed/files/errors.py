"""What can be wrong with files of rows."""


class RowFileError(ValueError):
    """A file of rows cannot be served; the message names it, the cause and the remedy."""
