"""What watches over an account and changes it."""

from constructs import Construct

from mlops_constructs.account_guard import AccountGuard, stacks_of_environment
from mlops_constructs.approver_role import ApproverRole
from mlops_constructs.auditor_role import AuditorRole
from mlops_constructs.break_glass_role import BreakGlassRole
from mlops_constructs.check_role import CheckRole
from mlops_constructs.data_scientist_role import DataScientistRole
from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.event_forwarding import EventForwarding
from mlops_constructs.job_log_groups import JobLogGroups
from mlops_constructs.managed_monitor_function import ManagedMonitorFunction
from mlops_constructs.monitor_functions import MonitorFunctions
from mlops_constructs.on_call_role import OnCallRole
from mlops_constructs.retraining_governor import RetrainingGovernor
from plumbline.configuration import Deployment, Environment
from stacks.environment_stack import EnvironmentStack


class OperationsStack(EnvironmentStack):
    """Log groups of jobs, roles of people, and the functions that look after the account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        told: Deployment | None = None,
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            told: The environment whose bus is told what happens here; left out, none is.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="operations",
            description="Log groups of jobs and roles of people",
            stateful=True,
        )
        values = EnvironmentValues(self, "Values", deployment=deployment)
        if deployment.is_first_in_account:
            JobLogGroups(self, "Logs", deployment=deployment, key_arn=values.operations_key_arn)
        if deployment.trains:
            DataScientistRole(self, "DataScientist", deployment=deployment, values=values)
        if deployment.registers:
            ApproverRole(self, "Approver", deployment=deployment)
            CheckRole(self, "Check", deployment=deployment)
        failures = DeadLetterQueue(
            self, "Failures", placement=deployment, purpose="events", key_arn=values.operations_key_arn
        )
        AccountGuard(
            self,
            "Guard",
            guarded=stacks_of_environment(deployment),
            failures=failures,
            key_arn=values.operations_key_arn,
            vpc_id=values.vpc,
        )
        if deployment.governs:
            production = deployment.platform.deployment(Environment.PRODUCTION)
            RetrainingGovernor(
                self, "Governor", deployment=deployment, production=production, values=values, failures=failures
            )
        if deployment.has_model_monitor:
            ManagedMonitorFunction(self, "Monitors", deployment=deployment, values=values, failures=failures)
        elif deployment.monitors:
            MonitorFunctions(self, "Monitors", deployment=deployment, values=values, failures=failures)
        if told is not None:
            EventForwarding(self, "Told", deployment=deployment, told=told, failures=failures)
        if deployment.serves:
            OnCallRole(self, "OnCall", deployment=deployment, values=values)
        AuditorRole(self, "Auditor", deployment=deployment)
        BreakGlassRole(self, "BreakGlass", deployment=deployment)
