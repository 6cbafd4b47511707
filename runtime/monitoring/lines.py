"""Files of text, line by line: what cannot be read is counted, and ends nothing."""

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

# A line that is longer than any row of a model.
_LONGEST = 1 << 20
# What readers of every kind of table say of a file.
UNKNOWN_KIND, NO_ROWS = "files of an unknown kind", "files without a row"
NAMED_TWICE = "files of CSV whose first line names a column twice"
NAMED = 20  # columns of a fault: there may be any number of them
_MARK = b"\xef\xbb\xbf"  # of byte order, with which some programs begin a file

Scalar = bool | int | float | str | None | Sequence[object] | Mapping[str, object]


def suffix_of(path: Path) -> str:
    """What a file is by its name, compressed with gzip or not."""
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def printed(text: str) -> str:
    """A text on one line, in which what cannot be printed is escaped: it forges no line, and colours none."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def told(name: str) -> str:
    """A name for a sentence: as it is, or in quotes and escaped if it has a blank end or cannot all be printed."""
    return name if name.isprintable() and name.strip() == name != "" else repr(name)


def lines_of(path: Path, faults: Counter[str]) -> Iterator[str]:
    """The lines of a file of text that are not blank, without their ends; what cannot be read is counted.

    Args:
        path: As of `every_line_of`.
        faults: Takes what is wrong.
    """
    return (line for line in every_line_of(path, faults) if line and line.strip())


def every_line_of(path: Path, faults: Counter[str]) -> Iterator[str | None]:
    """The lines of a file of text, without their ends; in the place of one that cannot be read, None. It is counted.

    A file that ends within a line has that line, too: whether it is whole is for its reader to say.

    Args:
        path: The file, compressed with gzip if it ends in `.gz`.
        faults: Takes what is wrong.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            if file.read(len(_MARK)) != _MARK:
                file.seek(0)
            while line := file.readline(_LONGEST + 1):
                if len(line) > _LONGEST:
                    faults[f"lines of more than {_LONGEST} bytes"] += 1
                    while line and not line.endswith(b"\n"):
                        line = file.readline(_LONGEST)
                    yield None
                    continue
                try:
                    text = line.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    faults["lines that are not UTF-8"] += 1
                    yield None
                    continue
                yield text
    except (OSError, EOFError, zlib.error):
        faults["files that end early or cannot be read"] += 1


def rows_of_csv(
    lines: Iterable[str], faults: Counter[str], *, of: str = "lines of CSV"
) -> Iterator[Sequence[str] | None]:
    """The row of each line; of a blank one, a row without a cell; of one that cannot be read, None.

    A quoted cell may go on over several lines. A quote that nobody ended does so, too: where no end comes that
    fits, each line is read by itself. Whether it fits by chance nobody can tell, so each further line of a row is
    counted, and the lines are always as many as the rows and what is counted together.

    Args:
        lines: The lines.
        faults: Takes what is wrong.
        of: What lines they are, for the counts.
    """
    source, ended = iter(lines), False
    while not ended:
        held: list[str] = []
        try:
            for row in csv.reader(_held(source, held), strict=True):
                if len(held) > 1:
                    faults[f"{of} that a quoted cell of a line before takes"] += len(held) - 1
                blank = len(row) < 2 and not "".join(held).strip()
                held.clear()
                yield [] if blank else row
            ended = True
        except csv.Error:
            yield from (_row_alone(line, faults, of) for line in held)


def _held(source: Iterator[str], held: list[str]) -> Iterator[str]:
    """The lines, those of the row that is being read kept in `held`; of a row that goes on and on, no more."""
    size = 0
    for line in source:
        size = len(line) + (size if held else 0)
        held.append(f"{line}\n")  # the reader gets a line feed back: a cell may hold one, between quotes
        if size > _LONGEST:
            raise csv.Error("a row goes on and on")
        yield held[-1]


def _row_alone(line: str, faults: Counter[str], of: str) -> Sequence[str] | None:
    if not line.strip():
        return []
    lines = iter((line, ""))
    try:
        row = next(csv.reader(lines))
    except csv.Error:
        faults[f"{of} that cannot be read"] += 1
        return None
    if next(lines, None) is None:  # the reader has asked for more than the line
        faults[f"{of} with a quote that does not end"] += 1
        return None
    return row


def _is_text(found: object) -> bool:
    """Whether all texts can be written down: JSON can escape one half of a pair of surrogates."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def objects_of(lines: Iterable[str], faults: Counter[str]) -> Iterator[dict[str, Scalar]]:
    """The object of each line; a line that has none is counted.

    Args:
        lines: The lines.
        faults: Takes what is wrong.
    """
    for line in lines:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            faults["lines that are no JSON"] += 1
            continue
        if "\\ud" in line.lower() and not _is_text(found):
            faults["lines with half a character"] += 1
        elif isinstance(found, dict):
            yield found
        else:
            faults["lines that are no JSON object"] += 1
