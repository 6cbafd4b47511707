"""Tables from training channels, whatever way SageMaker brings the objects in.

File mode copies the objects into a folder before the job starts; FastFile mounts them there and fetches what is read,
so reading each file once from front to back is quick and anything else is slow; Pipe mode streams them, one after the
other and without their names, through a FIFO that can be read once, with a new FIFO for each epoch.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow
import pyarrow.parquet

from runtime.errors import JobError
from runtime.layout import Layout

_MAGIC = b"PAR1"  # begins and ends every Parquet file, so that two in a stream touch as PAR1PAR1


class Channel:
    """A channel of a training job.

    Args:
        name: The channel's name.
        folder: Its folder, or in Pipe mode the beginning of its FIFOs' names.
        mode: `File`, `FastFile` or `Pipe`.
    """

    def __init__(self, *, name: str, folder: Path, mode: str) -> None:
        self._name = name
        self._folder = folder
        self._mode = mode
        self._epoch = 0

    @property
    def folder(self) -> Path:
        """Folder of the channel's files.

        Raises:
            JobError: The channel is a stream and has no files.
        """
        if self._mode == "Pipe":
            raise JobError(f"channel {self._name} is a stream in Pipe mode; accepted: File or FastFile mode.")
        return self._folder

    def read_parquet(self) -> pl.DataFrame:
        """Every row of the channel, files in the order of their names (a stream: in the order of its objects).

        In Pipe mode each call reads another epoch.

        Raises:
            JobError: The channel holds no Parquet, or its files differ in their columns.
        """
        sources = self._streamed() if self._mode == "Pipe" else self._files()
        frames = [pl.read_parquet(source) for source in sources]
        if not frames:
            raise JobError(f"channel {self._name} holds no Parquet file.")
        if any(frame.schema != frames[0].schema for frame in frames):
            raise JobError(f"channel {self._name} holds Parquet files that differ in their columns.")
        return pl.concat(frames)

    def _files(self) -> Iterator[io.BytesIO]:
        for path in sorted(self._folder.rglob("*.parquet")):
            # Whole and in one go: a Parquet reader begins at the end of a file, where FastFile is slow.
            yield io.BytesIO(path.read_bytes())

    def _streamed(self) -> Iterator[io.BytesIO]:
        fifo = self._folder.with_name(f"{self._folder.name}_{self._epoch}")
        self._epoch += 1
        yield from (io.BytesIO(part) for part in _parquet_files(fifo.read_bytes(), channel=self._name))


def channels(layout: Layout) -> dict[str, Channel]:
    """The training job's channels by name, from SageMaker's `inputdataconfig.json`.

    Raises:
        JobError: There is no such file: this is no training container.
    """
    path = layout.input_data_config
    if not path.exists():
        raise JobError(f"{path} is missing: a training job has it in its container.")
    configuration = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Channel(name=name, folder=layout.channel(name), mode=channel.get("TrainingInputMode", "File"))
        for name, channel in configuration.items()
    }


def _parquet_files(stream: bytes, *, channel: str) -> Iterator[bytes]:
    """Cuts a stream of Parquet files where one ends and the next begins.

    A cut counts only if what lies before it is a whole file, so the four letters inside somebody's data do no harm.
    """
    start, searched = 0, 0
    while start < len(stream):
        touching = stream.find(_MAGIC + _MAGIC, searched)
        end = len(stream) if touching < 0 else touching + len(_MAGIC)
        part = stream[start:end]
        if _is_parquet(part):
            yield part
            start = searched = end
        elif touching < 0:
            raise JobError(f"channel {channel}: {len(part)} bytes of its stream are no Parquet file.")
        else:
            searched = touching + 1


def _is_parquet(content: bytes) -> bool:
    try:
        pyarrow.parquet.read_metadata(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError):  # it says OSError of a footer that is none
        return False
    return True
