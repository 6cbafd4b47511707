"""What an endpoint has to answer after a release has deployed it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.release_checker import index
from role import Role
from tests.functions import releases
from tests.functions.jobs import Called, called
from tests.functions.releases import Cloud, Registry

Document = dict[str, Any]
ENVIRONMENT = {
    "MODEL": "flight_delays",
    "STAGING_ROLE_ARN": "arn:aws:iam::222222222222:role/check",
    "PRODUCTION_ROLE_ARN": "arn:aws:iam::333333333333:role/check",
    "STAGING_ENDPOINT": "plumbline-staging-flight-delays",
    "PRODUCTION_ENDPOINT": "plumbline-production-flight-delays",
}
NAME = "plumbline-staging-flight-delays"


class Serving(Registry):
    """SageMaker with endpoints; a row is answered as a test says, with what was evaluated when it does not."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.status = "InService"
        self.requests: list[tuple[str, int]] = []
        self.answer: Callable[[int, Document], str] = lambda _number, _row: json.dumps({"probability": 0.25})

    def describe_endpoint(self, *, EndpointName: str) -> Document:  # noqa: N803
        assert EndpointName.endswith("-flight-delays")
        return {"EndpointStatus": self.status}

    def invoke_endpoint(self, *, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> Document:  # noqa: N803
        assert (ContentType, Accept) == ("application/jsonlines", "application/jsonlines")
        rows = [json.loads(line) for line in Body.splitlines()]
        self.requests.append((EndpointName, len(rows)))
        answers = [self.answer(number, row) for number, row in enumerate(rows)]
        text = "".join(f"{one}\n" for one in answers if one)
        return {"Body": io.BytesIO(text.encode())}


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> Called:
    made = called(index.handler, ENVIRONMENT, monkeypatch)
    made.told = "staging"
    serving = Serving(made.cloud)
    made.cloud.services |= {"sagemaker": serving, "sagemaker-runtime": serving}
    ticks = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(ticks)))
    return made


def serving(checker: Called) -> Serving:
    found = checker.cloud.services["sagemaker"]
    assert isinstance(found, Serving)
    return found


def test_an_endpoint_that_answers_as_it_was_evaluated_passes_and_says_so(checker: Called) -> None:
    checker()
    (result,) = checker.jobs.succeeded
    assert result["outputVariables"]["Summary"] == (
        f"{NAME} is InService; 2 answers keep the contract in 1.00 s; "
        "200 answers equal to the evaluation's; log loss 0.837, the evaluation's 0.837"
    )


def test_a_small_difference_is_told(checker: Called) -> None:
    serving(checker).answer = lambda _number, _row: '{"probability": 0.2500001}'
    checker()
    assert (
        "200 answers equal to the evaluation's to 1e-07; log loss"
        in checker.jobs.succeeded[0]["outputVariables"]["Summary"]
    )


def test_no_request_has_more_than_a_hundred_rows(checker: Called) -> None:
    checker()
    assert serving(checker).requests == [(NAME, 2), (NAME, 100), (NAME, 100)]


def test_production_is_asked_with_its_own_role_and_the_sample_is_read_with_stagings(
    checker: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[str, str]] = []

    class Watched(Role):
        def __init__(self, *, arn: str, session: str) -> None:
            super().__init__(arn=arn, session=session)
            self.arn = arn

        def client(self, service: str) -> Any:
            used.append((self.arn.split(":")[4], service))
            return super().client(service)

    monkeypatch.setattr(index, "Role", Watched)
    checker.told = "production"
    checker()
    assert {name for name, _ in serving(checker).requests} == {"plumbline-production-flight-delays"}
    assert set(used) == {
        ("333333333333", "sagemaker"),
        ("333333333333", "sagemaker-runtime"),
        ("222222222222", "s3"),
    }


def test_an_endpoint_that_is_not_in_service_is_not_asked(checker: Called) -> None:
    serving(checker).status = "Updating"
    assert checker.refusal() == f"{NAME} is Updating; accepted: InService"
    assert serving(checker).requests == []


def test_an_endpoint_that_is_not_there_is_refused(checker: Called) -> None:
    checker.cloud.fail["sagemaker.describe_endpoint"] = releases.refusal("ValidationException", "Could not find it")
    assert checker.refusal() == f"{NAME} cannot be looked at: Could not find it"


def test_an_endpoint_that_predicts_otherwise_is_refused(checker: Called) -> None:
    serving(checker).answer = lambda number, _row: json.dumps({"probability": 0.5 if number == 7 else 0.25})
    assert checker.refusal() == (
        "2 of 200 answers differ from the evaluation's by more than 1e-06, row 8 by 0.25; "
        "log loss 0.830, the evaluation's 0.837"
    )


def test_all_that_is_wrong_is_told_together(checker: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 6.0])
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    serving(checker).answer = lambda _number, _row: '{"probability": 2}'
    assert checker.refusal() == (
        "answer 1 breaks the contract: data.probability must be smaller than or equal to 1; "
        "answer 2 breaks the contract: data.probability must be smaller than or equal to 1; "
        "2 answers took 6.00 s; accepted: 5.0 s; "
        "200 of 200 answers differ from the evaluation's by more than 1e-06, row 1 by 1.75; "
        "log loss 17.270, the evaluation's 0.837"
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("{", f"{NAME} answers with what is no JSON: Expecting property name"),
        ('{"probability": NaN}', f"{NAME} answers with what is no JSON: NaN is no number of JSON"),
        ("", f"{NAME} answers 2 rows with 0 lines; {NAME} answers 100 rows with 0 lines"),
        ('{"probability": "0.25"}', 'an answer\'s probability is "0.25"; accepted: a number'),
        ('{"probability": true}', "an answer's probability is true; accepted: a number"),
        ("[]", "answer 1 breaks the contract: data must be object"),
    ],
)
def test_an_answer_that_is_no_prediction_is_refused(checker: Called, answer: str, sentence: str) -> None:
    serving(checker).answer = lambda _number, _row: answer
    assert sentence in checker.refusal()


def test_an_endpoint_that_fails_is_refused_in_its_own_words(checker: Called) -> None:
    checker.cloud.fail["sagemaker-runtime.invoke_endpoint"] = releases.refusal("ModelError", "500 from the model")
    assert checker.refusal() == f"{NAME} does not answer: 500 from the model"


def test_the_sample_is_read_in_the_version_that_was_recorded(checker: Called) -> None:
    checker.cloud.put("data", "flight_delays/evaluations/3/sample.jsonl", b"")
    checker()
    assert len(checker.jobs.succeeded) == 1


def test_a_sample_that_is_gone_is_refused(checker: Called) -> None:
    checker.cloud.objects["data", "flight_delays/evaluations/3/sample.jsonl"] = []
    assert checker.refusal() == "the sample s3://data/flight_delays/evaluations/3/sample.jsonl is gone"


def test_a_place_that_is_neither_is_refused(checker: Called) -> None:
    checker.told = "dev"
    assert checker.refusal() == "the action's user parameters are 'dev'; accepted: 'staging' or 'production'"
