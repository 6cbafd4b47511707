import io
import json
import os
import threading
from pathlib import Path

import polars as pl
import pytest

from runtime.channels import Channel, channels
from runtime.errors import JobError
from runtime.layout import Layout

FIRST = pl.DataFrame({"x": [1, 2], "word": ["PAR1PAR1", "b"]})
SECOND = pl.DataFrame({"x": [3], "word": ["c"]})
BOTH = pl.concat([FIRST, SECOND])


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="uncompressed")
    return buffer.getvalue()


def stream(path: Path, content: bytes) -> threading.Thread:
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    return writer


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_files_are_read_in_the_order_of_their_names(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "train"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "part-1.parquet").write_bytes(parquet(FIRST))
    (folder / "part-2.parquet").write_bytes(parquet(SECOND))
    (folder / "_SUCCESS").write_bytes(b"")
    assert Channel(name="train", folder=folder, mode=mode).read_parquet().equals(BOTH)


def test_a_stream_of_several_objects_gives_the_same_rows_as_files(tmp_path: Path) -> None:
    writer = stream(tmp_path / "train_0", parquet(FIRST) + parquet(SECOND))
    assert Channel(name="train", folder=tmp_path / "train", mode="Pipe").read_parquet().equals(BOTH)
    writer.join(timeout=5)


def test_the_second_reading_of_a_stream_reads_the_second_epoch(tmp_path: Path) -> None:
    # Files instead of FIFOs, so that reading the first epoch again would fail instead of waiting for ever.
    (tmp_path / "train_0").write_bytes(parquet(FIRST))
    (tmp_path / "train_1").write_bytes(parquet(SECOND))
    channel = Channel(name="train", folder=tmp_path / "train", mode="Pipe")
    channel.read_parquet()
    assert channel.read_parquet().equals(SECOND)


def test_a_stream_that_breaks_off_is_refused(tmp_path: Path) -> None:
    stream(tmp_path / "train_0", parquet(FIRST)[:-3])
    with pytest.raises(JobError, match=r"channel train: .* bytes of its stream are no Parquet file"):
        Channel(name="train", folder=tmp_path / "train", mode="Pipe").read_parquet()


def test_an_empty_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="channel train holds no Parquet file"):
        Channel(name="train", folder=tmp_path, mode="File").read_parquet()


def test_files_with_different_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_bytes(parquet(FIRST))
    (tmp_path / "2.parquet").write_bytes(parquet(SECOND.rename({"x": "y"})))
    with pytest.raises(JobError, match="differ in their columns"):
        Channel(name="train", folder=tmp_path, mode="File").read_parquet()


def test_a_stream_has_no_folder(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="a stream in Pipe mode"):
        _ = Channel(name="train", folder=tmp_path, mode="Pipe").folder


def test_the_mode_of_each_channel_comes_from_sagemakers_file(tmp_path: Path) -> None:
    layout = Layout(base=tmp_path)
    layout.input_data_config.parent.mkdir(parents=True)
    layout.input_data_config.write_text(
        json.dumps({"train": {"TrainingInputMode": "Pipe"}, "code": {"TrainingInputMode": "File"}})
    )
    layout.channel("train").parent.mkdir(parents=True)
    pipe = stream(tmp_path / "input/data/train_0", parquet(SECOND))
    found = channels(layout)
    assert found["code"].folder == tmp_path / "input/data/code"
    assert found["train"].read_parquet().equals(SECOND)
    pipe.join(timeout=5)


def test_a_container_without_the_channels_file_is_no_training_container(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"inputdataconfig\.json is missing"):
        channels(Layout(base=tmp_path))
