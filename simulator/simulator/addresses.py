"""Telling web addresses from other texts."""

from urllib.parse import urlsplit


def is_web_address(text: str) -> bool:
    """Say whether the text is an absolute http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
