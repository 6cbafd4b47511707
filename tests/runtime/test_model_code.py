from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from plumbline.configuration import code_archive, code_digest, load_model
from runtime.errors import JobError
from runtime.model_code import ModelCode


def written(folder: Path, sources: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in sources.items():
        (folder / name).write_text(text)
    return folder


def test_two_versions_live_side_by_side(tmp_path: Path, sources: dict[str, str]) -> None:
    (tmp_path / "weight.txt").write_text("2")
    tripled = {**sources, "serve.py": sources["serve.py"].replace("float((", "1 + float((")}
    old = ModelCode(folder=written(tmp_path / "old", sources)).load(tmp_path)
    new = ModelCode(folder=written(tmp_path / "new", tripled)).load(tmp_path)
    frame = pl.DataFrame({"x": [0.1], "word": [None]})
    assert old.predict(frame).tolist() == [0.2]
    assert new.predict(frame).tolist() == pytest.approx([0.3])


def test_modules_find_their_own_neighbours(
    tmp_path: Path, sources: dict[str, str], make_archive: Callable[[Mapping[str, str], Path], Path]
) -> None:
    archive = make_archive(sources, tmp_path / "code" / "sourcedir.tar.gz")
    code = ModelCode.of_channel(archive.parent, into=tmp_path / "out")
    assert code.job("train").__globals__["SENTENCE"] == "helped"


def test_code_other_than_the_definition_pins_is_refused(
    tmp_path: Path, sources: dict[str, str], make_archive: Callable[[Mapping[str, str], Path], Path]
) -> None:
    archive = make_archive(sources, tmp_path / "code" / "sourcedir.tar.gz")
    digest = ModelCode.of_channel(archive.parent, into=tmp_path / "first").digest()
    assert ModelCode.of_channel(archive.parent, into=tmp_path / "same", digest=digest).digest() == digest
    swapped = {**sources, "train.py": sources["train.py"] + "\n# and something else\n"}
    make_archive(swapped, archive)
    with pytest.raises(JobError, match=f"the pipeline's definition asks for {digest}"):
        ModelCode.of_channel(archive.parent, into=tmp_path / "swapped", digest=digest)


def test_the_digest_of_the_extracted_code_is_the_one_that_the_definition_pins(tmp_path: Path) -> None:
    model = load_model(Path(__file__).parents[2] / "pipeline_definitions" / "flight_delays")
    (tmp_path / "sourcedir.tar.gz").write_bytes(code_archive(model))
    assert ModelCode.of_channel(tmp_path, into=tmp_path / "out").digest() == code_digest(model)


def test_a_missing_module_is_named_beside_those_there(tmp_path: Path, sources: dict[str, str]) -> None:
    code = ModelCode(folder=written(tmp_path / "code", sources))
    with pytest.raises(JobError, match=r"has no evaluate\.py; it has helper\.py, prepare\.py, serve\.py, train\.py"):
        code.job("evaluate")


def test_a_missing_function_is_named(tmp_path: Path) -> None:
    code = ModelCode(folder=written(tmp_path / "code", {"train.py": "trained = 1\n"}))
    with pytest.raises(JobError, match=r"train\.py has no function train"):
        code.job("train")
