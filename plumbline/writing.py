"""Files that are written whole or not at all."""

from pathlib import Path


def write_whole(path: Path, text: str, *, by: str) -> Path:
    """Writes a file, whole or not at all.

    Args:
        path: The file.
        text: What it holds.
        by: Who writes, in a word that no other writer has.
    """
    partial = path.with_name(f".{path.name}.{by}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
