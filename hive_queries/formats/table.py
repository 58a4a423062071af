"""CSV files read as a mapping says: each row is taken, bad or left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, zip_longest

from hive_queries.extracts import Extract, ExtractFile
from hive_queries.formats.cells import RowReader
from hive_queries.formats.mapping import FileRule, Mapping
from hive_queries.rows import BadRow, LeftOut, Reading, Unreadable, display_of
from strokemap.errors import BatchMalformed


@dataclass(frozen=True, slots=True)
class TableReader:
    """Reads extracts by a mapping."""

    mapping: Mapping

    def read(self, extract: Extract) -> Iterator[Reading]:
        """Read the files in the mapping's order. Errors: BatchMalformed without a needed file or column."""
        found = {file.name.lower(): file for file in extract.files}
        for rule in self.mapping.file:
            file = found.pop(rule.name.lower(), None) if rule.name else extract.files[0]
            if file:
                yield from self._read_file(file, rule)
            elif rule.required:
                raise BatchMalformed(
                    f"The folder is not of this format: it has no {rule.name}. Nothing was taken.",
                    hint="Send the folder with the CSV files, plain or compressed with gzip.",
                    where=rule.name,
                )
        if self.mapping.folder:
            for name, file in found.items():
                yield from (LeftOut(what=name.removesuffix(".csv")) for _ in islice(file.rows(), 1, None))

    def again(self, bad: BadRow) -> Reading:
        """Read a mended row."""
        by_name = {rule.name.lower(): rule for rule in self.mapping.file}
        rule = by_name.get(bad.file.lower(), self.mapping.file[0])
        cells = bad.row if isinstance(bad.row, dict) else {}
        try:
            for column, cell in cells.items():
                if cell is None or column != column.upper():
                    raise Unreadable(display_of(column), "no cell" if cell is None else "a cell too many")
            table = RowReader(rule, names=tuple(cells), mapping=self.mapping, where=bad.file)
            return table.take([cell or "" for cell in cells.values()], bad.number)
        except Unreadable as error:
            return replace(bad, field=error.field, reason=error.reason)

    def _read_file(self, file: ExtractFile, rule: FileRule) -> Iterator[Reading]:
        rows = file.rows(delimiter=self.mapping.delimiter)
        _, header = next(rows, (1, []))
        names = tuple(name.strip().upper() for name in header)
        table = RowReader(rule, names=names, mapping=self.mapping, where=file.name)
        for number, (line, cells) in enumerate(rows, start=1):
            try:
                if len(cells) != len(names):
                    # The first column that has no cell; the last one, where cells are left over.
                    place = min(len(cells), len(names) - 1)
                    shown = display_of(names[place]) or f"column {place + 1}"
                    raise Unreadable(shown, f"{len(cells)} cells under a header of {len(names)}")
                yield table.take(cells, number)
            except Unreadable as error:
                # A cell too many has no column; small letters, as no column has, tell it from one.
                kept = {
                    f"column {at}" if name is None else name: cell
                    for at, (name, cell) in enumerate(zip_longest(names, cells), start=1)
                }
                yield BadRow(file=file.name, line=line, number=number, field=error.field, reason=error.reason, row=kept)
