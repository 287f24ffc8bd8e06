"""Text that came from outside, made fit for a log or a terminal."""


def printable(text: str) -> str:
    """Return the text on one line, with all that could drive a terminal written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
