"""The configuration: good files are read, each bad one gets its sentence."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from plumbline.configuration import (
    Environment,
    Every,
    ModelJob,
    code_archive,
    code_digest,
    load_model,
    load_models,
    load_platform,
    runtime_tag,
)
from plumbline.errors import PlumblineError
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).parents[3]
BAD = Path(__file__).parent / "bad"


def bad(kind: str) -> list[Path]:
    return sorted((BAD / kind).glob("*.toml"))


def expected(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("path", bad("platform"), ids=lambda path: path.stem)
def test_bad_platform_gets_its_sentence(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "platform.toml")
    with pytest.raises(PlumblineError) as refused:
        load_platform(tmp_path)
    assert str(refused.value) == expected(path)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("path", bad("model"), ids=lambda path: path.stem)
def test_bad_model_gets_its_sentence(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flight_delays"
    folder.mkdir()
    shutil.copy(path, folder / "model.toml")
    with pytest.raises(PlumblineError) as refused:
        load_model(folder)
    assert str(refused.value) == expected(path)


def test_no_model_is_called_as_the_data_of_all_of_them(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline_definitions" / "flight_delays", tmp_path / "labelled")
    settings = tmp_path / "labelled" / "model.toml"
    settings.write_text(settings.read_text().replace('name = "flight_delays"', 'name = "labelled"'))
    with pytest.raises(PlumblineError) as refused:
        load_model(tmp_path / "labelled")
    assert str(refused.value) == (
        "labelled/model.toml: name is labelled; accepted: another name: data of every model lies below this one."
    )


def test_several_problems_are_all_named(tmp_path: Path) -> None:
    text = (REFERENCE / "platform.toml").read_text()
    (tmp_path / "platform.toml").write_text(
        text.replace("eu-west-1", "Ireland").replace("10.10.0.0/20", "10.10.0.0/28")
    )
    with pytest.raises(PlumblineError) as refused:
        load_platform(tmp_path)
    assert [line.split(" is ")[0] for line in str(refused.value).splitlines()] == [
        "platform.toml: region",
        "platform.toml: accounts.dev.cidr",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match=r"platform.toml: the file is missing; it is expected at "):
        load_platform(tmp_path)


def test_staging_delivers_unless_a_fourth_account_is_named(tmp_path: Path) -> None:
    text = (REFERENCE / "platform.toml").read_text()
    assert load_platform(REFERENCE).delivery_account == "222222222222"
    (tmp_path / "platform.toml").write_text(text + '\n[accounts.delivery]\nid = "444444444444"\n')
    platform = load_platform(tmp_path)
    assert platform.delivery_account == "444444444444"
    assert platform.account_ids == ("111111111111", "222222222222", "333333333333", "444444444444")


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_carry_the_partition_of_the_region(region: str, partition: str, tmp_path: Path) -> None:
    (tmp_path / "platform.toml").write_text((REFERENCE / "platform.toml").read_text().replace("eu-west-1", region))
    deployment = load_platform(tmp_path).deployment(Environment.DEV)
    assert deployment.boundary_arn == f"arn:{partition}:iam::111111111111:policy/plumbline-boundary"


def test_names_of_a_model_fit_the_limits_of_their_services() -> None:
    # The longest that the configuration admits: 10 + "production" + 24 characters. IAM role names end at 64 characters,
    # endpoint and package group names at 63 (API_CreateRole, API_CreateEndpoint, API_CreateModelPackageGroup).
    longest = "-".join(["x" * 10, "production", "x" * 24])
    assert len(longest) <= 63
    assert all(len(f"{longest}-{job}") <= 64 for job in ModelJob)


@pytest.mark.parametrize(
    ("every", "labels_after_hours", "waited"),
    [
        (Every.MONTH, 24, 24),
        (Every.MONTH, 25, 48),
        (Every.WEEK, 48, 48),
        (Every.WEEK, 49, 0),
        (Every.MONTH, 0, 0),
        (Every.DAY, 24, 0),
        (Every.HOUR, 1, 0),
    ],
)
def test_a_week_or_a_month_waits_for_a_truth_that_is_known_within_two_days(
    every: Every, labels_after_hours: int, waited: int
) -> None:
    monitoring = load_models(ROOT)[0].monitoring
    assert monitoring
    changed = monitoring.model_copy(update={"every": every, "labels_after_hours": labels_after_hours})
    assert changed.looked_at_after == timedelta(hours=waited)


def test_the_code_archive_holds_no_trace_of_its_making(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "flight_delays", tmp_path / "two" / "flight_delays"
    source = ROOT / "pipeline_definitions" / "flight_delays"
    for copy in (first, second):
        shutil.copytree(source, copy)
    (second / "features.py").touch()
    one, two = load_model(first), load_model(second)
    assert code_archive(one) == code_archive(two)
    assert code_digest(one) == code_digest(two)


def test_the_code_digest_follows_shipped_code_only(tmp_path: Path) -> None:
    copy = tmp_path / "flight_delays"
    shutil.copytree(ROOT / "pipeline_definitions" / "flight_delays", copy)
    before = code_digest(load_model(copy))
    (copy / "pipeline.py").write_text("# another definition\n")
    assert code_digest(load_model(copy)) == before
    (copy / "features.py").write_text("# other features\n")
    assert code_digest(load_model(copy)) != before


def test_the_runtime_tag_follows_its_content(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runtime", tmp_path / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    before = runtime_tag(tmp_path)
    assert before == runtime_tag(ROOT)
    (tmp_path / "runtime" / "requirements.txt").write_text("numpy==0\n")
    assert runtime_tag(tmp_path) != before
