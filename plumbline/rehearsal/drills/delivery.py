"""The drill of delivery: a commit that adds a stack, one that breaks a test, one that production refuses; a rollback.

The commits are real ones, `commits/*.patch`, made in the rehearsal's own repository and pushed to it; the checkout and
its repository are left as they are.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from plumbline.configuration import Deployment, Environment
from plumbline.rehearsal import pipeline_run, releasing, training_run
from plumbline.rehearsal.drills.acts import Delivered, Scene, require
from plumbline.rehearsal.drills.questions import asked_throughout, questions
from plumbline.rehearsal.drills.standing import Standing
from plumbline.rehearsal.progress import Step
from plumbline.rehearsal.session import Session
from plumbline.rehearsal.summary import Act, DeniedCall, Drill

NAME = "delivery"
COMMITS = Path(__file__).parent / "commits"
_FAILED = "FAILED "
_BECAUSE = "drill"


def drill(scene: Scene) -> Drill:
    """Plays the acts, one after the other.

    Args:
        scene: A rehearsal that has gone all the way.

    Raises:
        PlumblineError: One did not go as it should.
    """
    began = time.monotonic()
    acts = []
    for name, title, play in _ACTS:
        with scene.step(title) as step:
            acts.append(play(scene, step, name))
    return Drill(name=NAME, acts=tuple(acts), seconds=round(time.monotonic() - began, 2))


def _add_stack(scene: Scene, step: Step, name: str) -> Act:
    before, (version, _) = scene.look(scene.platform.delivery), scene.pipeline()
    _commit(scene, "contact", "Say in each account whom to call")
    delivered = scene.deliver(step)
    scene.succeeded(delivered)
    after, (newer, _) = scene.look(scene.platform.delivery), scene.pipeline()
    require(newer > version, f"the pipeline still has version {version}, without the new stack")
    require(delivered.run.execution != delivered.first, "the pipeline has changed itself and has not started again")
    stacks = dict(_stack(scene, one, "contact") for one in _deployments(scene))
    require(set(stacks.values()) == {"CREATE_COMPLETE"}, f"a stack that the commit adds is not there: {stacks}")
    values = {one.parameter("contact"): scene.value(one, one.parameter("contact")) for one in _deployments(scene)}
    require(all(values.values()), f"an account lacks what the commit adds: {values}")
    own = scene.platform.delivery.prefix
    step.outcome = f"{delivered.commit[:8]} {delivered.run.status}, after the pipeline became version {newer}"
    return delivered.act(
        name,
        shown={
            "pipeline version": {"before": version, "after": newer},
            "pipeline template": {"before": before.templates[own], "after": after.templates[own]},
            "executions": {"updated the pipeline": delivered.first, "took its place": delivered.run.execution},
            "stacks": stacks,
            "values": values,
        },
    )


def _break_test(scene: Scene, step: Step, name: str) -> Act:
    before = scene.look()
    _commit(scene, "retention", "Keep logs for as many days as anybody likes")
    delivered = scene.deliver(step)
    changed = before.differences(scene.look())
    failed = _failed(scene, delivered, stage="Build")
    require(not changed, f"a commit that fails its tests has changed something: {', '.join(changed)}")
    log = pipeline_run.log_of(delivered.run, failed, caller=_looking(scene))
    tests = [line.removeprefix(_FAILED).partition(" - ")[0] for line in log if line.startswith(_FAILED)]
    require(bool(tests), "the build's log names no test that fails")
    step.outcome = f"{delivered.commit[:8]} {delivered.run.status} at Build, nothing deployed: {tests[0]}"
    return delivered.act(name, shown={"failed tests": tests, "failure": failed.failure, "changed": list(changed)})


def _refuse_in_production(scene: Scene, step: Step, name: str) -> Act:
    production = scene.platform.deployment(Environment.PRODUCTION)
    scene.delivery.repository.revert()
    _commit(scene, "neighbours", "Tell production's neighbours whom to call")
    before = scene.look(production)
    ask = questions(cloud=scene.cloud, deployment=production, models=scene.models)
    with asked_throughout(ask) as tally:
        delivered = scene.deliver(step)
    changed = before.differences(scene.look(production))
    failed = _failed(scene, delivered, stage=production.part)
    require(not changed, f"production is not as it was: {', '.join(changed)}")
    require(not tally.failures, f"production did not answer throughout: {tally.failures[:1]}")
    require(tally.answered > 0, "production was asked nothing meanwhile")
    stack, status = _stack(scene, production, "contact")
    require(status == "UPDATE_ROLLBACK_COMPLETE", f"{stack} is {status} after a change that failed")
    step.outcome = f"{delivered.commit[:8]} {delivered.run.status}, production as it was, {tally.answered} answers"
    return delivered.act(
        name,
        shown={
            "failure": failed.failure,
            "stacks": {stack: status},
            "changed": list(changed),
            "answers": {"as before": tally.answered, "failed": len(tally.failures)},
            "endpoints": _told(before),
        },
        refused=(_refusal(scene, production),),
    )


def _mend(scene: Scene, step: Step, name: str) -> Act:
    reverted = scene.delivery.repository.commit
    scene.delivery.repository.revert()
    delivered = scene.deliver(step)
    scene.succeeded(delivered)
    _, stages = scene.pipeline()
    require(set(stages.values()) == {"Succeeded"}, f"the pipeline is not green again: {stages}")
    production = scene.platform.deployment(Environment.PRODUCTION)
    stack = dict([_stack(scene, production, "contact")])
    step.outcome = f"{delivered.commit[:8]} {delivered.run.status}, which takes {reverted[:8]} back"
    return delivered.act(name, shown={"reverted": reverted, "stacks": stack})


def _roll_back(scene: Scene, step: Step, name: str) -> Act:
    began = time.monotonic()
    serving = [one for one in _deployments(scene) if one.serves]
    before = scene.look(*serving)
    model = scene.models[0]
    releases = releasing.rehearsed(cloud=scene.cloud, people=scene.people, model=model)
    first = int(next(iter(before.endpoints.values())).model_package_arn.rpartition("/")[2])
    newer = training_run.register(
        deployment=scene.platform.deployment(Environment.STAGING),
        model=model,
        inputs=scene.inputs[model.name],
        commit=scene.delivery.repository.commit,
        reason=_BECAUSE,
        caller=scene.delivery.model_session(model),
        tell=step.detail,
    )
    released = releases.follow(
        releases.approve(newer.model_package_arn, because=_BECAUSE), because=_BECAUSE, tell=step.detail
    )
    between = scene.look(*serving)
    for endpoint, served in before.endpoints.items():
        require(
            between.endpoints[endpoint].model_package_arn != served.model_package_arn,
            f"{endpoint} still serves {served.model_package_arn} after the release of {newer.model_package_arn}",
        )
    back = releases.follow(releases.roll_back(first), because=_BECAUSE, tell=step.detail)
    now = scene.look(*serving)
    # CloudFormation gives a configuration that it makes anew a name of its own.
    named = {
        name: dataclasses.replace(served, configuration=before.endpoints[name].configuration)
        for name, served in now.endpoints.items()
    }
    changed = before.differences(dataclasses.replace(now, endpoints=named))
    require(not changed, f"after the rollback not all is as it was: {', '.join(changed)}")
    step.outcome = f"{model.name} released anew and back at version {first}, {back.status}"
    return Act(
        name=name,
        commit=back.commit,
        execution=back.execution,
        status=back.status,
        stages=back.stages(),
        seconds=round(time.monotonic() - began, 2),
        shown={
            "released": {"execution": released.execution, "seconds": released.seconds, "endpoints": _told(between)},
            "rolled back": {"version": first, "seconds": back.seconds, "endpoints": _told(now)},
            "changed": list(changed),
        },
    )


# Name and step of each act, and who plays it. Each begins where the one before has ended; one more is one more line.
_ACTS: tuple[tuple[str, str, Callable[[Scene, Step, str], Act]], ...] = (
    ("a stack", "Deliver a commit that adds a stack to each account", _add_stack),
    ("a broken test", "Push a commit that breaks a test", _break_test),
    ("a refused change", "Push a commit that production refuses", _refuse_in_production),
    ("a revert", "Deliver the commit that takes it back", _mend),
    ("a rollback", "Release a newer version, and roll back to the first", _roll_back),
)


def _commit(scene: Scene, patch: str, message: str) -> None:
    scene.delivery.repository.commit_patch(COMMITS / f"{patch}.patch", message)


def _told(standing: Standing) -> dict[str, dict[str, str]]:
    return {name: dataclasses.asdict(served) for name, served in standing.endpoints.items()}


def _deployments(scene: Scene) -> tuple[Deployment, ...]:
    return tuple(scene.platform.deployments())


def _failed(scene: Scene, delivered: Delivered, *, stage: str) -> pipeline_run.ActionRun:
    """The action with which an execution failed, when it is of the stage that it should be; the stage is red then."""
    run = delivered.run
    failed = [one for one in run.actions if one.status == "Failed"]
    places = {one.stage for one in failed}
    require(run.status == "Failed", f"the commit {delivered.commit} was to fail, and is {run.status}")
    require(places == {stage}, f"the commit {delivered.commit} was to fail at {stage}, and failed at {places}")
    require(run.actions[-1].stage == stage, f"an action of {run.actions[-1].stage} began after the failure")
    _, stages = scene.pipeline()
    require(stages[stage] == "Failed", f"the stage {stage} is {stages[stage]}, not red")
    return failed[0]


def _looking(scene: Scene) -> Session:
    return scene.cloud.administrator(scene.platform.delivery_account)


def _stack(scene: Scene, deployment: Deployment, kind: str) -> tuple[str, str]:
    """The name and the status of a stack that has to be there."""
    client = scene.cloud.administrator(deployment.account).client("cloudformation")
    name = deployment.stack_name(kind)
    return name, str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def _refusal(scene: Scene, production: Deployment) -> DeniedCall:
    return DeniedCall(
        principal=production.execution_role_arn,
        action="ssm:PutParameter",
        resource=production.arn("ssm", f"parameter/neighbours/{scene.platform.name}/contact"),
        because="what deploys the platform writes no parameter but the platform's",
    )
