"""Whether a pipeline's declaration can be: AWS's rules on structure, and what the rehearsal does not have, by name.

Source: user guide, "CodePipeline pipeline structure reference" and its requirements; wording as the service answers.
"""

from collections.abc import Callable, Iterator, Sequence

from plumbline.rehearsal.api.errors import UnsupportedOperationError, validation_error
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.errors import invalid_action, invalid_structure
from plumbline.rehearsal.codepipeline.providers import CLOUDFORMATION_MODES, PROVIDERS, Provider
from plumbline.rehearsal.codepipeline.variables import EXECUTION, PIPELINE, references

_APPROVAL_MINUTES = (5, 86_400)


def check_structure(declaration: Document, *, region: str) -> None:
    """Holds a declaration that fits the model against the rules.

    Args:
        declaration: The pipeline, as the API has it.
        region: Where it is to be.

    Raises:
        ApiError: ``InvalidStructureException`` or ``InvalidActionDeclarationException``.
        UnsupportedOperationError: It has what the rehearsal does not.
    """
    _refuse_unsupported(declaration, region)
    stages: list[Document] = declaration["stages"]
    if len(stages) < 2:
        raise invalid_structure(f"Pipeline has {len(stages)} stage(s). There should be at least two")
    _refuse_doubles("Stage", [stage["name"] for stage in stages])
    for index, stage in enumerate(stages):
        if not stage["actions"]:
            raise invalid_structure(f"Stage {stage['name']} should have at least one action")
        _refuse_doubles("Action", [action["name"] for action in stage["actions"]])
        for action in stage["actions"]:
            if (action["actionTypeId"]["category"] == "Source") is not (index == 0):
                raise invalid_structure("Pipeline should start with a stage that only contains source actions")
            _check_action(action)
    _check_artifacts(stages)
    _check_references(declaration)


def actions_in_order(stage: Document) -> Iterator[list[Document]]:
    """The actions of a stage, those that run at the same time together."""
    orders = sorted({run_order(action) for action in stage["actions"]})
    for order in orders:
        yield [action for action in stage["actions"] if run_order(action) == order]


def run_order(action: Document) -> int:
    """An action's place in its stage; 1 when nothing is said."""
    return int(action.get("runOrder", 1))


def provider_of(action: Document) -> Provider:
    """What kind of action it is."""
    kind = action["actionTypeId"]
    return PROVIDERS[kind["category"], kind["provider"]]


def _refuse_unsupported(declaration: Document, region: str) -> None:
    def refuse(what: str) -> None:
        raise UnsupportedOperationError(f"pipeline {declaration['name']}: the rehearsal's CodePipeline has no {what}")

    if declaration.get("pipelineType", "V1") != "V2":
        refuse("pipelines of type V1")
    if declaration.get("executionMode") == "PARALLEL":
        refuse("execution mode PARALLEL")
    if declaration.get("triggers"):
        refuse("triggers with filters")
    if set(declaration.get("artifactStores", {})) - {region}:
        refuse(f"artifact stores outside {region}")
    if bool(declaration.get("artifactStore")) is bool(declaration.get("artifactStores")):
        raise validation_error("Exactly one of artifactStore and artifactStores must be specified in the pipeline")
    for stage in declaration["stages"]:
        for member in ("beforeEntry", "onSuccess", "onFailure", "blockers"):
            if stage.get(member):
                refuse(f"{member} of a stage ({stage['name']})")
        for action in stage["actions"]:
            _refuse_unsupported_action(action, region, refuse)


def _refuse_unsupported_action(action: Document, region: str, refuse: Callable[[str], None]) -> None:
    kind = action["actionTypeId"]
    if kind["owner"] != "AWS":
        refuse(f"actions of owner {kind['owner']} ({action['name']})")
    if (kind["category"], kind["provider"]) not in PROVIDERS:
        refuse(f"{kind['category']} action of provider {kind['provider']} ({action['name']})")
    if action.get("region", region) != region:
        refuse(f"actions in another region ({action['name']})")
    for member in ("commands", "outputVariables", "environmentVariables"):
        if action.get(member):
            refuse(f"{member} of an action ({action['name']})")
    configuration = action.get("configuration", {})
    for key, values in provider_of(action).refused.items():
        if configuration.get(key) in values:
            refuse(f"{key}={configuration[key]} ({action['name']})")
    mode = configuration.get("ActionMode")
    if mode is not None and mode not in CLOUDFORMATION_MODES:
        refuse(f"ActionMode {mode} ({action['name']})")


def _check_action(action: Document) -> None:
    name, provider = action["name"], provider_of(action)
    configuration = action.get("configuration", {})
    for key in sorted(provider.required - configuration.keys()):
        raise invalid_action(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    for key in sorted(configuration.keys() - provider.required - provider.optional):
        raise invalid_action(f"Action configuration for action '{name}' contains unknown configuration '{key}'")
    for noun, bounds in (("input", provider.inputs), ("output", provider.outputs)):
        number = len(action.get(f"{noun}Artifacts", []))
        if not bounds[0] <= number <= bounds[1]:
            raise invalid_action(
                f"Action {name} declares {number} {noun} artifacts which is not valid: it takes between {bounds[0]} "
                f"and {bounds[1]}"
            )
    if len(action.get("inputArtifacts", [])) > 1 and "ProjectName" in configuration:
        primary = configuration.get("PrimarySource")
        if primary not in [artifact["name"] for artifact in action["inputArtifacts"]]:
            raise invalid_action(
                f"Action configuration for action '{name}' must name one of its input artifacts as 'PrimarySource'"
            )
    if "timeoutInMinutes" in action:
        if action["actionTypeId"]["category"] != "Approval":
            raise invalid_action(f"Action '{name}': timeoutInMinutes is for actions of category Approval only")
        least, most = _APPROVAL_MINUTES
        if not least <= action["timeoutInMinutes"] <= most:
            raise invalid_action(f"Action '{name}': timeoutInMinutes must be between {least} and {most}")


def _check_artifacts(stages: Sequence[Document]) -> None:
    made: set[str] = set()
    for stage in stages:
        for group in actions_in_order(stage):
            for action in group:
                for artifact in action.get("inputArtifacts", []):
                    if artifact["name"] not in made:
                        raise invalid_action(
                            f"Input Artifact Bundle {artifact['name']} in action {action['name']} is not declared as "
                            "Output Artifact in any of the preceding actions"
                        )
            for artifact in (artifact for action in group for artifact in action.get("outputArtifacts", [])):
                if artifact["name"] in made:
                    raise invalid_action(
                        f"Output Artifact Bundle name must be unique within the pipeline. {artifact['name']} has been "
                        "used more than once."
                    )
                made.add(artifact["name"])


def _check_references(declaration: Document) -> None:
    """Variables are of namespaces that an earlier action, or the pipeline, has."""
    known = {EXECUTION, PIPELINE}
    _refuse_doubles("Pipeline variable", [one["name"] for one in declaration.get("variables", [])])
    for stage in declaration["stages"]:
        for group in actions_in_order(stage):
            for action in group:
                for key, text in action.get("configuration", {}).items():
                    for written, namespace, _ in references(text):
                        if namespace not in known:
                            raise invalid_action(
                                "Valid format for a pipeline execution variable reference is a namespace and a key "
                                "separated by a period (.). The following pipeline execution variables are referencing "
                                f"a namespace that does not exist. StageName=[{stage['name']}], "
                                f"ActionName=[{action['name']}], ActionConfigurationKey=[{key}], "
                                f"VariableReferenceText=[{written}]"
                            )
            for namespace in (action["namespace"] for action in group if action.get("namespace")):
                if namespace in known:
                    raise invalid_action(f"Namespace '{namespace}' is used by more than one action of the pipeline")
                known.add(namespace)


def _refuse_doubles(noun: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise invalid_structure(f"{noun} name must be unique: {name} has been used more than once.")
