"""Log groups, parameters, alarms, dashboards, trails, budgets."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, When, calls, passes, tagged

_ALARM_ACTIONS = {"cloudwatch:AlarmActions": "@AlarmActions.*"}
_TRAIL = (
    *calls("cloudtrail:StartLogging", of="IsLogging"),
    *calls("cloudtrail:PutEventSelectors", of="EventSelectors"),
    *calls("cloudtrail:PutEventSelectors", of="AdvancedEventSelectors"),
    *calls("cloudtrail:PutInsightSelectors", of="InsightSelectors"),
    *passes("CloudWatchLogsRoleArn", to="cloudtrail.amazonaws.com"),
)

HANDLERS: Mapping[str, Handler] = {
    "AWS::Logs::LogGroup": Handler(
        on="logs:{here}:log-group:{name}:*",
        name="LogGroupName",
        create=(
            *calls("logs:DescribeLogGroups", on="*"),
            *tagged("logs:CreateLogGroup"),
            *tagged("logs:TagResource", on="logs:{here}:log-group:{name}", of="Tags"),
            *calls("logs:PutRetentionPolicy", of="RetentionInDays"),
            *calls("logs:PutDataProtectionPolicy", of="DataProtectionPolicy"),
        ),
        update=(
            *calls("logs:DescribeLogGroups", on="*"),
            *calls("logs:AssociateKmsKey", of="KmsKeyId", each="KmsKeyId"),
            *calls("logs:DisassociateKmsKey", of="KmsKeyId", when=When.REMOVED),
            *calls("logs:PutRetentionPolicy", of="RetentionInDays", each="RetentionInDays"),
            *calls("logs:DeleteRetentionPolicy", of="RetentionInDays", when=When.REMOVED),
            *tagged("logs:TagResource", on="logs:{here}:log-group:{name}", of="Tags"),
        ),
        delete=(*calls("logs:DescribeLogGroups", on="*"), *calls("logs:DeleteLogGroup")),
        replacing=frozenset({"LogGroupName"}),
    ),
    "AWS::SSM::Parameter": Handler(
        on="ssm:{here}:parameter/{parameter}",
        name="Name",
        create=(
            *tagged("ssm:PutParameter", keys={"ssm:Overwrite": "false"}),
            *tagged("ssm:AddTagsToResource", of="Tags"),
            *calls("ssm:GetParameters"),
        ),
        update=(
            *calls("ssm:PutParameter", keys={"ssm:Overwrite": "true"}),
            *tagged("ssm:AddTagsToResource", of="Tags"),
            *calls("ssm:GetParameters"),
        ),
        delete=calls("ssm:DeleteParameter"),
        replacing=frozenset({"Name"}),
    ),
    "AWS::CloudWatch::Alarm": Handler(
        on="cloudwatch:{here}:alarm:{name}",
        name="AlarmName",
        create=(
            *tagged("cloudwatch:PutMetricAlarm", keys=_ALARM_ACTIONS),
            *tagged("cloudwatch:TagResource", of="Tags"),
            *calls("cloudwatch:DescribeAlarms"),
        ),
        update=(
            *calls("cloudwatch:PutMetricAlarm", keys=_ALARM_ACTIONS),
            *calls("cloudwatch:DescribeAlarms"),
            *tagged("cloudwatch:TagResource", of="Tags"),
        ),
        delete=calls("cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"),
        replacing=frozenset({"AlarmName"}),
    ),
    "AWS::CloudWatch::CompositeAlarm": Handler(
        on="cloudwatch:{here}:alarm:{name}",
        name="AlarmName",
        create=(
            *calls("cloudwatch:DescribeAlarms"),
            *tagged("cloudwatch:PutCompositeAlarm", keys=_ALARM_ACTIONS),
            *tagged("cloudwatch:TagResource", of="Tags"),
        ),
        update=(
            *calls("cloudwatch:DescribeAlarms"),
            *calls("cloudwatch:PutCompositeAlarm", keys=_ALARM_ACTIONS),
            *tagged("cloudwatch:TagResource", of="Tags"),
        ),
        delete=calls("cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"),
        replacing=frozenset({"AlarmName"}),
    ),
    "AWS::CloudWatch::Dashboard": Handler(
        on="cloudwatch::{account}:dashboard/{name}",
        name="DashboardName",
        create=(
            *tagged("cloudwatch:PutDashboard"),
            *tagged("cloudwatch:TagResource", of="Tags"),
            *calls("cloudwatch:GetDashboard"),
        ),
        update=(*calls("cloudwatch:PutDashboard"), *tagged("cloudwatch:TagResource", of="Tags")),
        delete=calls("cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"),
        replacing=frozenset({"DashboardName"}),
    ),
    "AWS::CloudTrail::Trail": Handler(
        on="cloudtrail:{here}:trail/{name}",
        name="TrailName",
        create=(
            *tagged("cloudtrail:CreateTrail"),
            *tagged("cloudtrail:AddTags", of="Tags"),
            *_TRAIL,
        ),
        update=(
            *calls("cloudtrail:GetTrail", "cloudtrail:UpdateTrail"),
            *_TRAIL,
            *tagged("cloudtrail:AddTags", of="Tags"),
        ),
        delete=calls("cloudtrail:DeleteTrail"),
        replacing=frozenset({"TrailName"}),
    ),
    # Without a handler in the registry. Billing user guide, "AWS Budgets": creating, changing and deleting a budget is
    # ModifyBudget, describing it ViewBudget.
    "AWS::Budgets::Budget": Handler(
        on="budgets::{account}:budget/{name}",
        name="Budget.BudgetName",
        create=calls("budgets:ModifyBudget", "budgets:ViewBudget"),
        update=calls("budgets:ModifyBudget", "budgets:ViewBudget"),
        delete=calls("budgets:ModifyBudget", "budgets:ViewBudget"),
    ),
}
