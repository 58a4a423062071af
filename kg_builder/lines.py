"""Text files read line by line."""

from __future__ import annotations

from importlib.resources.abc import Traversable

from strokemap.errors import InputMissing, MapError


def read_lines(file: Traversable, *, what: str, wanted: str, malformed: type[MapError]) -> list[str]:
    """Give the lines of a UTF-8 file without their ends. Errors: InputMissing, ``malformed`` for another encoding."""
    try:
        # Not splitlines(): a text may hold characters that end a line in Unicode, but none in a file.
        return file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        reason = error.strerror or "not readable"
        raise InputMissing(f"The {what} can't be read: {reason}.", hint=f"Give {wanted}.", where=str(file)) from None
    except UnicodeDecodeError:
        raise malformed(f"The {what} are not UTF-8 text.", hint="Save them as UTF-8.", where=str(file)) from None
