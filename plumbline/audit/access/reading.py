"""Reads the landscape out of templates."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from plumbline.audit.access.intrinsics import TemplateValues, UnresolvableError
from plumbline.audit.access.landscape import Bucket, Landscape, Policy, Role, VpcEndpoint
from plumbline.audit.access.managed_by_aws import managed_by_aws
from plumbline.audit.access.physical_names import Place, arn
from plumbline.audit.json_value import Document, Json, as_list, as_object, as_texts
from plumbline.audit.templates import AuditedTemplate

# Values of CloudFormation parameters by account and stack name.
Parameters = Mapping[tuple[str, str], Mapping[str, str]]

# What is read of each type; what else a resource says may depend on things that no template tells.
_READ = {
    "AWS::EC2::VPCEndpoint": ("PolicyDocument", "ServiceName", "VpcId"),
    "AWS::ECR::Repository": ("RepositoryPolicyText",),
    "AWS::Events::EventBusPolicy": ("Action", "EventBusName", "Principal", "Statement", "StatementId"),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", "Roles"),
    "AWS::IAM::Policy": ("PolicyDocument", "PolicyName", "Roles"),
    "AWS::IAM::Role": ("AssumeRolePolicyDocument", "ManagedPolicyArns", "Path", "PermissionsBoundary", "Policies"),
    "AWS::KMS::Alias": ("TargetKeyId",),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::Lambda::Permission": ("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"),
    "AWS::Organizations::Policy": ("Content", "Name", "Type"),
    "AWS::S3::Bucket": ("BucketEncryption",),
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
    "AWS::SSM::Parameter": ("Value",),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupPolicy",),
}
# Types that say who may do what, in a way that is not read here.
_NOT_READ = frozenset(
    (
        "AWS::ECR::RegistryPolicy",
        "AWS::IAM::Group",
        "AWS::IAM::GroupPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::User",
        "AWS::IAM::UserPolicy",
        "AWS::KMS::ReplicaKey",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::AccessPoint",
        "AWS::SNS::TopicInlinePolicy",
        "AWS::SQS::QueueInlinePolicy",
        "AWS::SecretsManager::ResourcePolicy",
    )
)
# What an endpoint without a policy of its own has (AWS PrivateLink guide, "Default endpoint policy").
_FULL_ACCESS: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def read_landscape(templates: Sequence[AuditedTemplate], *, parameters: Parameters | None = None) -> Landscape:
    """Works out every policy of the templates.

    Args:
        templates: The templates of all accounts, each with its account and region; order does not matter.
        parameters: Values of CloudFormation parameters; one that is left out has its default.

    Returns:
        The landscape; what could not be worked out is among its problems.
    """
    landscape = Landscape()
    given = parameters or {}
    stacks = [
        _Stack(
            template=template,
            landscape=landscape,
            parameters=given.get((template.account or "", template.stack_name), {}),
        )
        for template in templates
    ]
    for stack in stacks:
        stack.publish()
    for stack in stacks:
        stack.read_policies()
    attached = _attached(stacks)
    for stack in stacks:
        stack.read_roles(attached)
    _name_missing_boundaries(landscape)
    return landscape


def _attached(stacks: Sequence["_Stack"]) -> dict[tuple[str, str], list[Policy]]:
    """Policies by the account and name of the role that they attach themselves to, whichever stack the role is in."""
    attached: dict[tuple[str, str], list[Policy]] = {}
    for stack in stacks:
        for role, policy in stack.attachments():
            attached.setdefault((stack.place.account, role), []).append(policy)
    return attached


def _name_missing_boundaries(landscape: Landscape) -> None:
    for role in landscape.roles.values():
        if role.boundary is not None and role.boundary not in landscape.managed_policies:
            landscape.problems.append(f"{role.place}: no template makes its permission boundary {role.boundary}")


def _everybody_in_short(document: Document) -> Document:
    """A policy with `"*"` for `{"AWS": "*"}`: the same (IAM user guide, "AWS JSON policy elements: Principal")."""
    statements: list[Json] = [
        {**statement, "Principal": "*"}
        if as_texts(as_object(statement.get("Principal")).get("AWS")) == ["*"]
        else statement
        for statement in map(as_object, as_list(document.get("Statement")))
    ]
    return {**document, "Statement": statements} if document else {}


@dataclass(frozen=True, kw_only=True)
class _Resource:
    """One resource on its way into the landscape."""

    logical_id: str
    name: str
    arn: str
    properties: dict[str, Json]

    def document(self, key: str) -> Document:
        return as_object(self.properties.get(key))

    def policy(self, key: str) -> Policy:
        return Policy(name=f"policy of {self.name}", document=self.document(key))


class _Stack:
    """One template on its way into the landscape."""

    def __init__(self, *, template: AuditedTemplate, landscape: Landscape, parameters: Mapping[str, str]) -> None:
        self.place = Place(stack_name=template.stack_name, account=template.account or "", region=template.region or "")
        self._template = template
        self._landscape = landscape
        self._parameters = parameters
        self._readers: dict[str, Callable[[_Resource], None]] = {
            "AWS::EC2::VPCEndpoint": self._endpoint,
            "AWS::ECR::Repository": lambda one: self._own_policy(one, "RepositoryPolicyText"),
            "AWS::Events::EventBusPolicy": self._bus_policy,
            "AWS::IAM::ManagedPolicy": self._managed_policy,
            "AWS::KMS::Alias": self._alias,
            "AWS::KMS::Key": lambda one: self._own_policy(one, "KeyPolicy"),
            "AWS::Lambda::Permission": self._function_policy,
            "AWS::Organizations::Policy": self._service_control_policy,
            "AWS::S3::Bucket": self._bucket,
            "AWS::S3::BucketPolicy": self._bucket_policy,
            "AWS::SNS::TopicPolicy": lambda one: self._policy_of_each(one, "Topics"),
            "AWS::SQS::QueuePolicy": self._queue_policy,
            "AWS::SageMaker::ModelPackageGroup": lambda one: self._own_policy(one, "ModelPackageGroupPolicy"),
        }

    def publish(self) -> None:
        """Adds the SSM parameters: other stacks of the account take their values."""
        self._name_what_is_not_read()
        own = self._landscape.published.setdefault(self.place.account, {})
        # What only a deployment knows, such as the commit that is delivered, no policy reads.
        for parameter in self._resources("AWS::SSM::Parameter", tolerant=True):
            own[parameter.name] = str(parameter.properties.get("Value"))

    def read_policies(self) -> None:
        """Adds everything but roles."""
        for resource_type, read in self._readers.items():
            for resource in self._resources(resource_type):
                read(resource)

    def attachments(self) -> Iterator[tuple[str, Policy]]:
        """Policies that name the roles which have them, by the role's name."""
        for resource_type in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            for resource in self._resources(resource_type):
                name = str(resource.properties.get("PolicyName", resource.name))
                for role in as_texts(resource.properties.get("Roles")):
                    yield role, Policy(name=name, document=resource.document("PolicyDocument"))

    def read_roles(self, attached: Mapping[tuple[str, str], Sequence[Policy]]) -> None:
        """Adds roles with the documents of their policies."""
        for resource in self._resources("AWS::IAM::Role"):
            place = f"{self._template.file}: Resources.{resource.logical_id}"
            if resource.properties.get("Path", "/") != "/":
                self._problem(f"{place}.Properties.Path: a role with a path is not understood")
                continue
            boundary = resource.properties.get("PermissionsBoundary")
            self._landscape.roles[resource.arn] = Role(
                arn=resource.arn,
                name=resource.name,
                account=self.place.account,
                trust=Policy(name=f"trust of {resource.name}", document=resource.document("AssumeRolePolicyDocument")),
                policies=(
                    *attached.get((self.place.account, resource.name), ()),
                    *self._inline(resource),
                    *self._managed(resource, place),
                ),
                boundary=boundary if isinstance(boundary, str) else None,
                place=place,
            )

    def _inline(self, role: _Resource) -> Iterator[Policy]:
        for inline in map(as_object, as_list(role.properties.get("Policies"))):
            name = f"{role.name}/{inline.get('PolicyName')}"
            yield Policy(name=name, document=as_object(inline.get("PolicyDocument")))

    def _managed(self, role: _Resource, place: str) -> Iterator[Policy]:
        for policy_arn in as_texts(role.properties.get("ManagedPolicyArns")):
            stand_in = managed_by_aws(policy_arn)
            if policy_arn in self._landscape.managed_policies:
                yield self._landscape.managed_policies[policy_arn]
            elif stand_in is not None:
                yield stand_in
            else:
                self._problem(f"{place}: the policy {policy_arn} is in no template")

    def _own_policy(self, resource: _Resource, key: str) -> None:
        if key in resource.properties:
            self._landscape.resource_policies[resource.arn] = resource.policy(key)

    def _managed_policy(self, resource: _Resource) -> None:
        self._landscape.managed_policies[resource.arn] = Policy(
            name=resource.name, document=resource.document("PolicyDocument")
        )

    def _alias(self, resource: _Resource) -> None:
        key = self._key_arn(str(resource.properties.get("TargetKeyId")))
        self._landscape.keys[(self.place.account, resource.name)] = key

    def _bucket(self, resource: _Resource) -> None:
        encryption = resource.document("BucketEncryption").get("ServerSideEncryptionConfiguration")
        rule = as_object(next(iter(as_list(encryption)), None))
        key = as_object(rule.get("ServerSideEncryptionByDefault")).get("KMSMasterKeyID")
        self._landscape.buckets[resource.name] = Bucket(
            account=self.place.account,
            key=self._key_arn(key) if isinstance(key, str) else None,
            bucket_key=bool(rule.get("BucketKeyEnabled", False)),
        )

    def _bucket_policy(self, resource: _Resource) -> None:
        bucket = str(resource.properties.get("Bucket"))
        self._landscape.resource_policies[self._arn("AWS::S3::Bucket", bucket)] = Policy(
            name=f"policy of {bucket}", document=resource.document("PolicyDocument")
        )

    def _queue_policy(self, resource: _Resource) -> None:
        for url in as_texts(resource.properties.get("Queues")):
            name = url.rpartition("/")[2]
            self._landscape.resource_policies[self._arn("AWS::SQS::Queue", name)] = Policy(
                name=f"policy of {name}", document=resource.document("PolicyDocument")
            )

    def _policy_of_each(self, resource: _Resource, key: str) -> None:
        for resource_arn in as_texts(resource.properties.get(key)):
            self._landscape.resource_policies[resource_arn] = Policy(
                name=f"policy of {resource_arn.rpartition(':')[2]}", document=resource.document("PolicyDocument")
            )

    def _bus_policy(self, resource: _Resource) -> None:
        bus = str(resource.properties.get("EventBusName", "default"))
        bus_arn = self._arn("AWS::Events::EventBus", bus)
        principal = resource.properties.get("Principal")
        statement = resource.properties.get("Statement") or {
            "Sid": resource.properties.get("StatementId"),
            "Effect": "Allow",
            "Principal": principal if principal == "*" else {"AWS": principal},
            "Action": resource.properties.get("Action"),
            "Resource": bus_arn,
        }
        self._add_statement(bus_arn, f"policy of {bus}", statement)

    def _function_policy(self, resource: _Resource) -> None:
        function = str(resource.properties.get("FunctionName"))
        function_arn = function if function.startswith("arn:") else self._arn("AWS::Lambda::Function", function)
        principal = str(resource.properties.get("Principal"))
        source = {
            operator: {key: resource.properties[name]}
            for operator, key, name in (
                ("StringEquals", "AWS:SourceAccount", "SourceAccount"),
                ("ArnLike", "AWS:SourceArn", "SourceArn"),
            )
            if name in resource.properties
        }
        statement: dict[str, Json] = {
            "Sid": resource.logical_id,
            "Effect": "Allow",
            "Principal": {"Service" if "." in principal else "AWS": principal},
            "Action": resource.properties.get("Action"),
            "Resource": function_arn,
        }
        if source:
            statement["Condition"] = as_object(dict(source))
        self._add_statement(function_arn, f"policy of {function_arn.rpartition(':')[2]}", statement)

    def _add_statement(self, resource_arn: str, name: str, statement: Json) -> None:
        known = self._landscape.resource_policies.get(resource_arn)
        statements = as_list(known.document.get("Statement")) if known else []
        self._landscape.resource_policies[resource_arn] = Policy(
            name=name, document={"Version": "2012-10-17", "Statement": [*statements, statement]}
        )

    def _endpoint(self, resource: _Resource) -> None:
        # com.amazonaws.<region>.<service>, cn.com.amazonaws.<region>.<service> in China
        service = str(resource.properties.get("ServiceName")).partition(f".{self.place.region}.")[2]
        vpc = str(resource.properties.get("VpcId"))
        endpoints = self._landscape.endpoints.setdefault(vpc, {})
        if service in endpoints:
            self._problem(
                f"{self._template.file}: Resources.{resource.logical_id}: a second endpoint of {service} in the VPC "
                f"{vpc} is not understood"
            )
        endpoints[service] = VpcEndpoint(
            id=resource.name,
            account=self.place.account,
            vpc=vpc,
            policy=Policy(
                name=f"policy of endpoint {service}",
                document=_everybody_in_short(resource.document("PolicyDocument")) or _FULL_ACCESS,
            ),
        )

    def _service_control_policy(self, resource: _Resource) -> None:
        if resource.properties.get("Type") == "SERVICE_CONTROL_POLICY":
            name = str(resource.properties.get("Name"))
            self._landscape.service_control_policies.append(Policy(name=name, document=resource.document("Content")))

    def _resources(self, resource_type: str, *, tolerant: bool = False) -> Iterator[_Resource]:
        values = TemplateValues(
            body=self._template.body,
            place=self.place,
            parameters=self._parameters,
            published=self._landscape.published.get(self.place.account, {}),
        )
        for logical_id, declared in self._template.resources.items():
            if declared.get("Type") != resource_type:
                continue
            path = f"Resources.{logical_id}"
            try:
                if "Condition" in declared and not values.condition(str(declared["Condition"]), path):
                    continue
                name = values.name_of(logical_id, path)
                yield _Resource(
                    logical_id=logical_id,
                    name=name,
                    arn=self._arn(resource_type, name),
                    properties=as_object(
                        values.resolve(
                            {
                                key: value
                                for key, value in as_object(declared.get("Properties")).items()
                                if key in _READ[resource_type]
                            },
                            f"{path}.Properties",
                        )
                    ),
                )
            except UnresolvableError as error:
                if not tolerant:
                    self._problem(f"{self._template.file}: {error}")

    def _name_what_is_not_read(self) -> None:
        if not self.place.account or not self.place.region:
            self._problem(f"{self._template.file}: nothing says in which account and region it is deployed")
        for logical_id, resource in self._template.resources.items():
            if resource.get("Type") in _NOT_READ:
                self._problem(
                    f"{self._template.file}: Resources.{logical_id}: an {resource.get('Type')} is not understood"
                )

    def _problem(self, sentence: str) -> None:
        if sentence not in self._landscape.problems:
            self._landscape.problems.append(sentence)

    def _key_arn(self, key: str) -> str:
        return key if key.startswith("arn:") else self._arn("AWS::KMS::Key", key)

    def _arn(self, resource_type: str, name: str) -> str:
        return arn(resource_type=resource_type, name=name, place=self.place) or name
