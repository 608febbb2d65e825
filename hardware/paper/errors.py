"""What goes wrong on the way to paper."""


class PaperError(ValueError):
    """A document cannot be rendered from what was given; the message says why, in plain words."""
