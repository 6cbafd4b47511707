"""From an action's kind to what does it, and from whatever goes wrong there to the action's failure."""

import traceback
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import request_scope

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.codepipeline.actions import approval, cloudformation, codebuild, invoke
from plumbline.rehearsal.codepipeline.actions.sources import Sources
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.roles import failure
from plumbline.rehearsal.codepipeline.work import AbandonedError, ActionFailedError, Outcome, Work

Do = Callable[[Work], Outcome]


class Performer:
    """Does actions.

    Args:
        options: How the emulator is reached.
        sources: The source actions.
        record: Is told what the rehearsal lacks, or did wrong.
    """

    def __init__(self, options: Options, *, sources: Sources, record: Callable[[str], None]) -> None:
        self._record = record
        self._kinds: Mapping[tuple[str, str], Do] = {
            ("Source", "CodeStarSourceConnection"): sources.from_connection,
            ("Source", "CodeCommit"): sources.from_codecommit,
            ("Source", "S3"): sources.from_s3,
            ("Build", "CodeBuild"): lambda work: codebuild.perform(options, work),
            ("Test", "CodeBuild"): lambda work: codebuild.perform(options, work),
            ("Deploy", "CloudFormation"): lambda work: cloudformation.perform(options, work),
            ("Approval", "Manual"): lambda work: approval.perform(options, work),
            ("Invoke", "Lambda"): lambda work: invoke.perform(options, work),
        }

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """The categories and providers that there are."""
        return frozenset(self._kinds)

    def __call__(self, work: Work) -> Outcome:
        """Does an action.

        Raises:
            ActionFailedError: It fails, for whatever reason.
            AbandonedError: Nobody waits for it any more.
        """
        scope = work.order.scope
        # the decisions of this thread are of the pipeline's account, as a request's are of its own
        with request_scope(scope.account, scope.region):
            try:
                return self._kinds[work.order.provider](work)
            except (AbandonedError, ActionFailedError):
                raise
            except (ClientError, BotoCoreError) as error:
                raise failure(error) from error
            except ApiError as error:
                if isinstance(error, UnsupportedOperationError):
                    self._record(error.message)
                raise ActionFailedError("JobFailed", error.message) from error
            except Exception as error:
                self._record("".join(traceback.format_exception(error)))
                raise ActionFailedError("SystemUnavailable", f"{type(error).__name__}: {error}") from error
