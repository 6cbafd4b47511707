"""Rules come to rows, and a mistake in the table to one sentence."""

from pathlib import Path

import pytest

from plumbline.audit.access.landscape import Bucket, Landscape, Policy, Role
from plumbline.audit.access.notation import Row, expand, read_table
from plumbline.audit.access.vocabulary import STRANGER, Vocabulary
from plumbline.configuration import Organization, Platform, load_models, load_platform
from plumbline.errors import PlumblineError
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[4]
PLATFORM = load_platform(REFERENCE)
WHY = "why = 'because of what would happen otherwise'"


def _landscape() -> Landscape:
    landscape = Landscape()
    empty = Policy(name="empty", document={"Statement": []})
    for deployment in PLATFORM.deployments():
        arn = deployment.iam_arn(f"role/{deployment.prefix}-auditor")
        landscape.roles[arn] = Role(
            arn=arn,
            name=f"{deployment.prefix}-auditor",
            account=deployment.account,
            trust=empty,
            policies=(),
            boundary=None,
            place="here",
        )
        landscape.buckets[deployment.data_bucket] = Bucket(account=deployment.account, key=None, bucket_key=False)
        landscape.keys[(deployment.account, deployment.key_alias("data"))] = deployment.arn("kms", "key/1")
        landscape.published[deployment.account] = {deployment.parameter("network/subnet-a"): "subnet-a"}
    return landscape


def _rows(folder: Path, text: str, *, platform: Platform = PLATFORM) -> list[Row]:
    (folder / "table.toml").write_text(text, encoding="utf-8")
    vocabulary = Vocabulary(platform=platform, models=load_models(ROOT), landscape=_landscape())
    return list(expand(read_table(folder), vocabulary).rows)


def _rule(text: str) -> str:
    return f"[[rule]]\nname = 'a rule'\n{WHY}\n{text}\n"


def test_a_rule_comes_to_one_row_for_each_combination_and_request(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        _rule(
            "each = { env = 'training', bucket = ['data', 'models'] }\nwho = '{env}-auditor'\n"
            "may = ['read {env}-{bucket}-{env.account}/x', 'read y/z']\nmay_not = ['write y/z']"
        ),
    )
    assert len(rows) == 2 * 2 * 3
    assert rows[0].principal == "plumbline-dev-auditor"
    assert rows[0].request == "read plumbline-dev-data-111111111111/x"
    assert [row.expected for row in rows[:3]] == [True, True, False]


def test_each_denied_circumstance_has_an_allowed_twin(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        "[circumstances.'in clear']\nset = { 'aws:SecureTransport' = 'false' }\n"
        + _rule("who = 'x'\nmay = ['read a/b', 'read c/d']\nbut_not = ['in clear']"),
    )
    assert [(row.request, row.expected, dict(row.set)) for row in rows] == [
        ("read a/b", True, {}),
        ("read c/d", True, {}),
        ("read a/b", False, {"aws:SecureTransport": "false"}),
        ("read c/d", False, {"aws:SecureTransport": "false"}),
    ]


def test_a_later_circumstance_wins_over_an_earlier_one(tmp_path: Path) -> None:
    rows = _rows(
        tmp_path,
        "[circumstances.one]\nset = { 'a:b' = '1', 'a:c' = '1' }\nnetwork = 'own'\n"
        "[circumstances.two]\nset = { 'a:b' = '2' }\nunset = ['a:c', 'a:d']\nnetwork = 'internet'\n"
        + _rule("who = 'x'\nwith = { 'a:d' = '0' }\nin = ['one']\nmay = ['read a/b']\nbut_not = ['two']"),
    )
    allowed, denied = rows
    assert allowed.set == {"a:b": "1", "a:c": "1", "a:d": "0"}
    assert allowed.network == "own"
    assert denied.set == {"a:b": "2"}
    assert denied.unset == {"a:c", "a:d"}
    assert denied.network == "internet"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{env}", "plumbline-dev"),
        ("{env.name}", "dev"),
        ("{env.data}", "plumbline-dev-data-111111111111"),
        ("{env.key.data}", "arn:aws:kms:eu-west-1:111111111111:key/1"),
        ("{env.value.network/subnet-a}", "subnet-a"),
        ("{env:sagemaker}:pipeline/x", "arn:aws:sagemaker:eu-west-1:111111111111:pipeline/x"),
        ("{env:iam}:role/x", "arn:aws:iam::111111111111:role/x"),
        ("{model}/{model.name}", "flight-delays/flight_delays"),
        ("{delivery}/{region}/{partition}/{name}", "222222222222/eu-west-1/aws/plumbline"),
        ("{stranger:iam}", f"arn:aws:iam::{STRANGER}"),
    ],
)
def test_a_placeholder_stands_for_what_the_configuration_says(tmp_path: Path, text: str, value: str) -> None:
    (row,) = _rows(tmp_path, _rule(f"each = {{ env = 'dev', model = 'models' }}\nwho = 'x'\nmay = ['read {text}']"))
    assert row.request == f"read {value}"


@pytest.mark.parametrize(
    ("each", "who", "principals"),
    [
        ("env = 'environments'", "{env.name}", ["dev", "staging", "production"]),
        ("env = 'serving'", "{env.name}", ["staging", "production"]),
        ("env = ['dev', 'staging']", "{env.account}", ["111111111111", "222222222222"]),
        ("env = 'dev', other = 'others of env'", "{other.name}", ["staging", "production"]),
        ("model = 'models', other = 'others of model'", "{other.name}", ["another_model"]),
        ("account = 'accounts'", "{account}", ["111111111111", "222222222222", "333333333333"]),
        ("role = 'roles like {name}-s*'", "{role}/{role.account}", ["plumbline-staging-auditor/222222222222"]),
    ],
)
def test_a_set_has_its_members(tmp_path: Path, each: str, who: str, principals: list[str]) -> None:
    rows = _rows(tmp_path, _rule(f"each = {{ {each} }}\nwho = '{who}'\nmay = ['read a/b']"))
    assert [row.principal for row in rows] == principals


def test_whoever_is_excepted_has_no_row(tmp_path: Path) -> None:
    rows = _rows(tmp_path, _rule("each = { role = 'roles' }\nexcept = ['*-dev-*']\nwho = '{role}'\nmay = ['read a/b']"))
    assert [row.principal for row in rows] == ["plumbline-staging-auditor", "plumbline-production-auditor"]


def test_a_rule_over_all_roles_names_none_of_them(tmp_path: Path) -> None:
    (row, *_) = _rows(tmp_path, _rule("each = { role = 'roles' }\nwho = '{role}'\nmay = ['assume {role}']"))
    assert not row.names_principal
    assert not row.names_request


def test_a_rule_about_what_is_not_configured_is_left_out_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "table.toml").write_text(_rule("if = ['organization']\nwho = 'x'\nmay = ['read a/b']"))
    without = Vocabulary(platform=PLATFORM, models=load_models(ROOT), landscape=_landscape())
    expansion = expand(read_table(tmp_path), without)
    assert (list(expansion.rows), expansion.left_out) == ([], ["a rule"])
    organization = Organization(id="o-exampleorg1", management_account="666666666666", targets=["ou-exam-ple12345"])
    platform = PLATFORM.model_copy(update={"organization": organization})
    assert len(_rows(tmp_path, (tmp_path / "table.toml").read_text(), platform=platform)) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[rule]", "table.toml: it cannot be read as TOML: "),
        ("[[rule]]\nname = 'x'\n", "table.toml: rule.0.why: field required, got"),
        (_rule("who = 'x'\nmai = ['read a/b']"), "table.toml: rule.0.mai: extra inputs are not permitted"),
        (
            _rule("who = 'x'\nif = ['sunshine']"),
            "table.toml: rule.0.if.0: input should be 'delivery in its own",
        ),
        (_rule("who = 'x'"), "rule 'a rule': nothing follows from it"),
        (_rule("each = { r = 'roles like z*' }\nwho = '{r}'\nmay = ['read a/b']"), "rule 'a rule': nothing follows"),
        (_rule("who = 'x'\nmay_not = ['read a/b']\nbut_not = ['x']"), "but_not takes back what may allows"),
        (
            _rule("who = '{nobody}-x'\nmay = ['read a/b']"),
            "rule 'a rule': {nobody} is not known; accepted: connection, delivery, ",
        ),
        (_rule("who = '{regio}'\nmay = ['read a/b']"), "rule 'a rule': {regio} is not known; meant: region"),
        (
            _rule("each = { env = 'dev' }\nwho = 'x'\nmay = ['read {env.key.models}']"),
            "{env.key.models} is not known: plumbline-dev has no key.models",
        ),
        (_rule("who = 'x'\nmay = ['read a/{}']"), "read a/{} has a brace that is no placeholder"),
        (_rule("each = { e = 'planets' }\nwho = 'x'\nmay = ['read a/b']"), "there is no set planets; accepted: "),
        (
            _rule("each = { o = 'others of e' }\nwho = 'x'\nmay = ['read a/b']"),
            "others of e: no such variable is bound",
        ),
        (_rule("who = 'x'\nnetwork = 'moon'\nmay = ['read a/b']"), "there is no network moon; accepted: internet, own"),
        (
            "[circumstances.'over plain http']\n" + _rule("who = 'x'\nin = ['over plain htp']\nmay = ['read a/b']"),
            "there is no circumstance 'over plain htp'; meant: over plain http",
        ),
        (_rule("who = 'x'\nmay = ['read a/b']") * 2, "rule 'a rule': its name is taken by another; accepted: one each"),
        ("", "no rule is in it; accepted: a folder of .toml files"),
    ],
)
def test_a_mistake_in_the_table_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PlumblineError) as error:
        _rows(tmp_path, text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_circumstance_is_named_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text("[circumstances.x]\n")
    with pytest.raises(PlumblineError, match="circumstance 'x': its name is taken by another"):
        read_table(tmp_path)
