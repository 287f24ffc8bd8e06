"""What is fit for a terminal."""


def printable(text: str) -> str:
    """Return the text with whatever could drive a terminal written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
