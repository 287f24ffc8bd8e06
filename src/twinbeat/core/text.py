"""Text that came from outside, made fit for a log or a terminal, and a word for a number."""


def printable(text: str) -> str:
    """Return the text on one line, with all that could drive a terminal written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, most: int) -> str:
    """Return the text, cut so that it has `most` characters at most."""
    return text if len(text) <= most else text[: most - 3] + "..."


def times(count: int) -> str:
    """Return `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
