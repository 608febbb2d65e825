"""Telephone numbers as others write them."""


def digits(phone: str) -> str:
    """A number with its country and nothing else: 0812…, 62812… and +62812… are the same."""
    bare = "".join(char for char in phone if char.isascii() and char.isdigit())
    return f"62{bare[1:]}" if bare.startswith("0") and not phone.strip().startswith("+") else bare
