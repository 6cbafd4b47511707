"""What the table's requests stand for: one or several actions, all of which AWS has to allow.

| request | is allowed when |
|---|---|
| `<action> <resource> …` | the action is allowed on every resource; `*` for an action that knows no resources |
| `read <bucket>/<key>` | the object may be read and, if the bucket has a KMS key, decrypted through S3 |
| `write <bucket>/<key>` | it may be written, and encrypted through S3 (decrypted too: an upload in parts asks for it) |
| `list <bucket>/<prefix>` | the prefix may be listed |
| `pull <repository ARN>` | one may log in to the registry, and fetch manifest and layers |
| `assume <role>` | the caller may assume the role, and the role trusts the caller |
| `pass <role> to <service>` | the caller may pass the role, and the role trusts the service for the caller's account |
| `run training-job <name> as <role>` | the job (or `processing-job`) may be made and tagged, and the role passed |

Two requests joined by ` and ` are one. `for <ARN>` at the end of a service's request says for which resource it acts.
A role is named by its name or by its ARN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from plumbline.audit.access.landscape import Landscape
from plumbline.audit.access.vocabulary import STRANGER, UnknownWordError, meant

# Buckets that are in no template, by the beginnings of their names: a stranger's; AWS's, in which image layers lie; and
# one in the caller's account that is not the platform's.
AWS_ITSELF = "000000000000"
_OTHER_BUCKETS = {"stranger-": STRANGER, "prod-": AWS_ITSELF, "unrelated": None}
# Endpoints that are not called as the prefix of the actions is (AWS PrivateLink guide, "AWS services that integrate").
_ENDPOINTS = {"cloudwatch": "monitoring", "ecr": "ecr.api", "sagemaker": "sagemaker.api", "tag": "tagging"}
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class Need:
    """One action that has to be allowed.

    Attributes:
        action: E.g. `s3:GetObject`.
        resource: ARN of the resource, or `*`.
        account: Account of the resource; none if it is the caller's.
        context: Condition keys that this action brings with it.
        endpoint: Service of the VPC endpoint on the caller's way.
        via: Whether a service asks on the caller's behalf, from its own network.
        service: Service principal that asks in the caller's place; none if the caller asks.
    """

    action: str
    resource: str
    account: str | None = None
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    endpoint: str
    via: bool = False
    service: str | None = None


class Requests:
    """Turns requests into needs, with what the landscape knows of buckets, keys and roles."""

    def __init__(self, *, landscape: Landscape, partition: str, region: str) -> None:
        """Takes what requests depend on.

        Args:
            landscape: Buckets, keys and roles.
            partition: Of the ARNs.
            region: Of the services.
        """
        self._landscape = landscape
        self._accounts = {role.account for role in landscape.roles.values()}
        self._partition = partition
        self._region = region
        self._verbs: dict[str, Callable[[list[str], str], list[Need]]] = {
            "assume": self._assume,
            "list": self._list,
            "pass": self._pass,
            "pull": self._pull,
            "read": self._read,
            "run": self._run,
            "write": self._write,
        }

    def needs(self, request: str, caller_account: str) -> list[Need]:
        """The actions that a request takes.

        Args:
            request: As the table has it, with values in the place of placeholders.
            caller_account: Account of the caller; the resource's for a service.

        Raises:
            UnknownWordError: The request cannot be understood, or names a bucket, key or role that is not there.
        """
        body, _, source = request.partition(" for ")
        found = [need for part in body.split(" and ") for need in self._part(part.split(), caller_account)]
        if not source:
            return found
        context = {"aws:SourceArn": source, "aws:SourceAccount": self._account("for", source) or caller_account}
        # Of a pass, only the service acts for a resource.
        acting = [need for need in found if need.service is not None] or found
        return [replace(need, context={**need.context, **context}) if need in acting else need for need in found]

    def role_arn(self, name: str) -> str:
        """ARN of a role that is named by its name or its ARN.

        Raises:
            UnknownWordError: There is no role of that name.
        """
        if name.startswith("arn:"):
            return name
        found = self._landscape.roles_named(name)
        if len(found) != 1:
            names = [role.name for role in self._landscape.roles.values()]
            what = "is in more than one account: write its ARN" if found else "is in no template" + meant(name, names)
            raise UnknownWordError(f"the role {name} {what}")
        return found[0].arn

    def _part(self, words: list[str], caller_account: str) -> list[Need]:
        verb, *arguments = words
        try:
            if ":" in verb:
                return [self._plain(verb, resource) for resource in arguments or [""]]
            if verb in self._verbs:
                return self._verbs[verb](arguments, caller_account)
        except ValueError:
            pass
        accepted = f"<action> <resource>, or one of {', '.join(sorted(self._verbs))} as requests.py has them"
        raise UnknownWordError(f"{' '.join(words)!r} is no request; accepted: {accepted}")

    def _plain(self, action: str, resource: str) -> Need:
        if resource != "*" and not resource.startswith("arn:"):
            raise UnknownWordError(f"{action} is about {resource or 'nothing'}; accepted: an ARN, or *")
        return Need(
            action=action, resource=resource, account=self._account(action, resource), endpoint=endpoint_of(action)
        )

    def _account(self, action: str, resource: str) -> str | None:
        """Account of a resource; the caller's if its ARN does not say."""
        if resource == "*":
            return None
        service, account = resource.split(":")[2], resource.split(":")[4]
        if service == "s3":
            return self._bucket_account(resource.split(":", 5)[5].partition("/")[0])
        is_key = action.startswith("kms:") and ":key/" in resource
        if is_key and account in self._accounts and resource not in self._landscape.resource_policies:
            raise UnknownWordError(f"the key {resource} is in no template")
        return account or None

    def _bucket_account(self, bucket: str) -> str | None:
        if bucket in self._landscape.buckets:
            return self._landscape.buckets[bucket].account
        start = next((start for start in _OTHER_BUCKETS if bucket.startswith(start)), None)
        if start is None:
            raise UnknownWordError(f"the bucket {bucket} is in no template{meant(bucket, self._landscape.buckets)}")
        return _OTHER_BUCKETS[start]

    def _object(self, action: str, path: str) -> Need:
        return self._plain(action, f"arn:{self._partition}:s3:::{path}")

    def _through_s3(self, actions: Sequence[str], path: str) -> list[Need]:
        """S3 asks KMS in the caller's name; the context is the bucket's ARN with a bucket key, else the object's.

        S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys".
        """
        name = path.partition("/")[0]
        bucket = self._landscape.buckets.get(name)
        if bucket is None or bucket.key is None:
            return []
        arn = f"arn:{self._partition}:s3:::{name if bucket.bucket_key else path}"
        context = {"kms:ViaService": f"s3.{self._region}.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": arn}
        return [replace(self._plain(action, bucket.key), context=context, via=True) for action in actions]

    def _read(self, arguments: list[str], _: str) -> list[Need]:
        (path,) = arguments
        return [self._object("s3:GetObject", path), *self._through_s3(["kms:Decrypt"], path)]

    def _write(self, arguments: list[str], _: str) -> list[Need]:
        (path,) = arguments
        return [
            self._object("s3:PutObject", path),
            *self._through_s3(["kms:GenerateDataKey", "kms:Decrypt"], path),
        ]

    def _list(self, arguments: list[str], _: str) -> list[Need]:
        (path,) = arguments
        bucket, _, prefix = path.partition("/")
        return [replace(self._object("s3:ListBucket", bucket), context={"s3:prefix": prefix})]

    def _pull(self, arguments: list[str], _: str) -> list[Need]:
        (repository,) = arguments
        log_in = self._plain("ecr:GetAuthorizationToken", "*")
        return [log_in, *(replace(self._plain(action, repository), endpoint="ecr.dkr") for action in _PULL)]

    def _assume(self, arguments: list[str], _: str) -> list[Need]:
        (role,) = arguments
        return [self._plain("sts:AssumeRole", self.role_arn(role))]

    def _pass(self, arguments: list[str], caller_account: str) -> list[Need]:
        role, to, service = arguments
        if to != "to":
            raise ValueError(to)
        passed = self._plain("iam:PassRole", self.role_arn(role))
        # The service tries the role when it takes it (e.g. API_CreateTrainingJob: "could not assume role").
        source = {"aws:SourceAccount": caller_account, "aws:SourceArn": self._source(service, caller_account)}
        assumed = self._plain("sts:AssumeRole", passed.resource)
        return [
            replace(passed, context={"iam:PassedToService": service}),
            replace(assumed, context=source, service=service),
        ]

    def _run(self, arguments: list[str], caller_account: str) -> list[Need]:
        kind, name, as_, role = arguments
        actions = {"training-job": "sagemaker:CreateTrainingJob", "processing-job": "sagemaker:CreateProcessingJob"}
        if as_ != "as" or kind not in actions:
            raise ValueError(kind)
        job = f"arn:{self._partition}:sagemaker:{self._region}:{caller_account}:{kind}/{name}"
        needs = [self._plain(action, job) for action in (actions[kind], "sagemaker:AddTags")]
        return [*needs, *self._pass([role, "to", "sagemaker.amazonaws.com"], caller_account)]

    def _source(self, service: str, account: str) -> str:
        return f"arn:{self._partition}:{service.partition('.')[0]}:{self._region}:{account}:any/thing"


def endpoint_of(action: str) -> str:
    """Service of the VPC endpoint through which an action goes, e.g. `ecr.api`."""
    if action.startswith(("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync")):
        return "sagemaker.runtime"
    prefix = action.partition(":")[0]
    return _ENDPOINTS.get(prefix, prefix)
