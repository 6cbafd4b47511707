"""CodePipeline's API: which operation is whose."""

from collections.abc import Callable, Iterable, Mapping

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.authorization import Check
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.service import JsonService
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.actions.sources import Sources
from plumbline.rehearsal.codepipeline.authorization import checks
from plumbline.rehearsal.codepipeline.connections import Connections
from plumbline.rehearsal.codepipeline.engine import Engine
from plumbline.rehearsal.codepipeline.events import EventSender
from plumbline.rehearsal.codepipeline.executions import Executions
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.performing import Performer
from plumbline.rehearsal.codepipeline.pipelines import Pipelines, defaults
from plumbline.rehearsal.codepipeline.repositories import Repositories

UNSUPPORTED_FILE = "codepipeline-unsupported.jsonl"
Operation = Callable[[Scope, Document, enforcement.Caller | None], Document]


class Service(JsonService):
    """CodePipeline within one rehearsal.

    Args:
        options: How it works.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(model="codepipeline", unsupported=options.state / UNSUPPORTED_FILE)
        self.options = options
        self.repositories = Repositories(options.state)
        self.connections = Connections()
        sources = Sources(options, self.repositories, self.connections)
        performer = Performer(options, sources=sources, record=self.record_unsupported)
        self._engine = Engine(perform=performer, announcer=EventSender(self.record_unsupported), clock=options.clock)
        self.pipelines = Pipelines(options, self._engine)
        executions = Executions(self.pipelines, self._engine)
        self._operations: Mapping[str, Operation] = {
            "CreatePipeline": self.pipelines.create,
            "UpdatePipeline": self.pipelines.update,
            "GetPipeline": self.pipelines.get,
            "DeletePipeline": self.pipelines.delete,
            "ListPipelines": self.pipelines.list_all,
            "GetPipelineState": self.pipelines.state,
            "TagResource": self.pipelines.set_tags,
            "UntagResource": self.pipelines.remove_tags,
            "ListTagsForResource": self.pipelines.list_tags,
            "StartPipelineExecution": executions.start,
            "StopPipelineExecution": executions.stop,
            "RetryStageExecution": executions.retry,
            "GetPipelineExecution": executions.describe,
            "ListPipelineExecutions": executions.list_executions,
            "ListActionExecutions": executions.list_actions,
            "PutApprovalResult": executions.approve,
            "PutJobSuccessResult": executions.job_succeeded,
            "PutJobFailureResult": executions.job_failed,
            "EnableStageTransition": executions.enable,
            "DisableStageTransition": executions.disable,
        }

    def operations(self) -> Iterable[str]:
        """The names of the operations that there are."""
        return self._operations

    def do(self, operation: str, request: Document, scope: Scope, caller: enforcement.Caller | None) -> Document:
        """Does an operation.

        Raises:
            ApiError: It refuses.
        """
        return self._operations[operation](scope, request, caller)

    def checks(self, operation: str, request: Document, scope: Scope) -> Iterable[Check]:
        """The decisions that a request needs."""
        return checks(operation, request, scope, lambda name: self.pipelines.tags_of(scope, name))

    def repository_changed(self, full_id: str, branch: str) -> list[str]:
        """Starts what listens to a branch, with the commit that it is at now.

        Returns:
            The ARNs of the pipelines that were started.

        Raises:
            NoRepositoryError: There is no such repository or branch.
        """
        commit = self.repositories.head(full_id, branch)
        started = []
        for pipeline, action in self.pipelines.listening_to(full_id, branch):
            told = action["configuration"]
            kind = "WebhookV2" if "ConnectionArn" in told else "PollForSourceChanges"
            self._engine.start(
                pipeline,
                trigger=(kind, told.get("ConnectionArn", "")),
                variables=defaults(pipeline),
                revisions={action["name"]: ("COMMIT_ID", commit)},
            )
            started.append(pipeline.arn)
        return started

    def shutdown(self) -> None:
        """Lets everything go that runs."""
        self._engine.shutdown(self.pipelines.table.everything())
