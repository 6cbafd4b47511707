"""CodePipeline's place in the emulator: its services and its CloudFormation type."""

from plumbline.rehearsal.api.registration import add_service
from plumbline.rehearsal.codepipeline import cloudformation
from plumbline.rehearsal.codepipeline.actions import large_templates
from plumbline.rehearsal.codepipeline.codecommit import CodeCommitService
from plumbline.rehearsal.codepipeline.connections import MODELS, ConnectionsService
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.service import UNSUPPORTED_FILE, Service

_TARGETS = {
    "codeconnections": "com.amazonaws.codeconnections.CodeConnections_20231201",
    "codestar-connections": "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
}
_service: Service | None = None


def register(options: Options) -> None:
    """Adds CodePipeline to the emulator of this process; called once, after enforcement and before serving.

    Args:
        options: How the emulator is reached.
    """
    global _service
    made = Service(options)
    unsupported = options.state / UNSUPPORTED_FILE
    add_service("codepipeline", made.handle, {"codepipeline": _pattern("CodePipeline_20150709", "codepipeline")})
    codecommit = CodeCommitService(repositories=made.repositories, unsupported=unsupported)
    add_service("codecommit", codecommit.handle, {"codecommit": _pattern("CodeCommit_20150413", "codecommit")})
    for model in MODELS:
        api = ConnectionsService(model=model, connections=made.connections, unsupported=unsupported)
        add_service(model.replace("-", "_"), api.handle, {model: _pattern(_TARGETS[model], model)})
    large_templates.install()
    cloudformation.register(made)
    _service = made


def _pattern(target: str, name: str) -> dict[str, str | list[str]]:
    return {"target_prefixes": [target], "host_patterns": [rf"{name}\."], "credential_scope": name}


def service() -> Service:
    """CodePipeline, once it is registered.

    Raises:
        RuntimeError: It is not.
    """
    if _service is None:
        raise RuntimeError("CodePipeline is not registered")
    return _service


def shutdown() -> None:
    """Lets everything go that runs."""
    if _service is not None:
        _service.shutdown()
