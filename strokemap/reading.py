"""Text files from outside: what can't be read, or is no UTF-8, is told in one way."""

from __future__ import annotations

from importlib.resources.abc import Traversable

from strokemap.errors import InputMissing, StrokemapError


def read_text(file: Traversable, *, what: str, wanted: str, malformed: type[StrokemapError]) -> str:
    """Give the text of a UTF-8 file. Errors: InputMissing, ``malformed`` for another encoding."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "not readable"
        raise InputMissing(f"The {what} can't be read: {reason}.", hint=f"Give {wanted}.", where=str(file)) from None
    except UnicodeDecodeError:
        raise malformed(f"The {what} is not UTF-8 text.", hint="Save it as UTF-8.", where=str(file)) from None


def read_lines(file: Traversable, *, what: str, wanted: str, malformed: type[StrokemapError]) -> list[str]:
    """Give the lines of a UTF-8 file without their ends. Errors: those of ``read_text``."""
    # Not splitlines(): a text may hold characters that end a line in Unicode, but none in a file.
    return read_text(file, what=what, wanted=wanted, malformed=malformed).removesuffix("\n").split("\n")
