"""CSV files with a header line: each row by the names of its columns, taken or bad."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hive_queries.extracts import ExtractFile, row_text
from hive_queries.rows import BadRow, Reading, Taken, Unreadable, display_of
from strokemap.errors import BatchMalformed


def read_table(
    file: ExtractFile, *, format_name: str, needed: tuple[str, ...], take: Callable[[dict[str, str], int], Taken]
) -> Iterator[Reading]:
    """Give each row to ``take``, with its number from 1; a row that ``take`` finds Unreadable is a bad one.

    ``needed`` columns must be in the header; ``A|B`` means either. Errors: BatchMalformed where one is not.
    """
    rows = file.rows()
    _, header = next(rows, (1, []))
    names = [name.strip().upper() for name in header]
    for name in needed:
        if not set(name.split("|")) & set(names):
            raise BatchMalformed(
                f"{file.name} is not a file of the format {format_name}: it has no column {name}. Nothing was taken.",
                hint="Send the file with its header line, or name the format that the file has.",
                where=f"{file.name}:1",
            )
    for number, (line, cells) in enumerate(rows, start=1):
        try:
            if len(cells) != len(names):
                # The first column that has no cell; the last one, where cells are left over.
                place = min(len(cells), len(names) - 1)
                field = display_of(names[place]) or f"column {place + 1}"
                raise Unreadable(field, f"{len(cells)} cells under a header of {len(names)}")
            yield take(dict(zip(names, cells, strict=True)), number)
        except Unreadable as error:
            yield BadRow(file=file.name, line=line, field=error.field, reason=error.reason, row=row_text(cells))
