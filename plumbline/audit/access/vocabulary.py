"""The words of the table: environments, models, roles, and what is said of each in braces."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from plumbline.audit.access.landscape import Landscape, Role
from plumbline.configuration import Backend, Deployment, Environment, Model, Platform, SourceProvider, artifacts_folder

# An account of nobody's (AWS's documentation has the same for examples), in which whoever attacks is administrator.
STRANGER = "999999999999"
# A model of another team: its prefixes are nobody's here, whichever models there are.
_ANOTHER_MODEL = "another_model"
# What a version is registered as when a person has to approve it (API_CreateModelPackage, ModelApprovalStatus).
_REVIEWED = "PendingManualApproval"
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?:([.:])([^{}]+))?\}")


class UnknownWordError(Exception):
    """Says which word of the table is not known, and which are."""


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a variable of a rule stands for.

    Attributes:
        text: What `{variable}` gives.
        parts: What `{variable.part}` gives, by the part; none if there is no such part.
        account: Account whose ARNs `{variable:service}` begins; none if it has none.
        generic: Whether it is one of all roles rather than one that the rule names.
    """

    text: str
    parts: Callable[[str], str | None]
    account: str | None = None
    generic: bool = False


Bound = Mapping[str, Word]


class Vocabulary:
    """What the words of the table stand for in one platform."""

    def __init__(self, *, platform: Platform, models: Sequence[Model], landscape: Landscape) -> None:
        """Takes what the words stand for.

        Args:
            platform: The configuration.
            models: The models.
            landscape: The policies; ids that AWS invents are looked up in it.
        """
        # The platform's accounts, and the organisation that they belong to; none if none is configured.
        self.account_ids = platform.account_ids
        self.organization_id = platform.organization.id if platform.organization else None
        self._platform = platform
        self._landscape = landscape
        self._approvals = {model.name: model.approval.status for model in models}
        self._deliverers = {
            m.name: m.monitoring.labels_from[0] for m in models if m.monitoring and m.monitoring.labels_from
        }
        self._environments = {d.environment.value: self._environment(d) for d in platform.deployments()}
        self._sets: dict[str, Callable[[], Iterable[Word]]] = {
            "environments": lambda: self._environments.values(),
            "training": lambda: self._where(lambda deployment: deployment.trains),
            "serving": lambda: self._where(lambda deployment: deployment.serves),
            "models": lambda: map(self._model, self._approvals),
            "reviewed models": lambda: map(self._model, self._reviewed()),
            "labelled models": lambda: map(self._model, self._deliverers),
            "roles": lambda: map(_role, landscape.roles.values()),
            "accounts": lambda: (self._account(account) for account in platform.account_ids),
        }
        self._globals = {
            "name": _plain(platform.name),
            "region": _plain(platform.region),
            "partition": _plain(platform.partition),
            "delivery": self._account(platform.delivery_account),
            "connection": _plain(platform.source.connection or "none"),
            "repository": _plain(platform.source.repository or "none"),
            "stranger": self._account(STRANGER),
        }
        self.traits = frozenset(
            trait
            for trait, present in (
                ("organization", platform.organization is not None),
                ("own trails", platform.keeps_own_trails),
                ("delivery in its own account", platform.delivery.has_own_account),
                ("delivery records itself", platform.delivery.records_itself),
                ("several accounts", len(platform.account_ids) > 1),
                ("environments apart", len({one.account for one in platform.deployments()}) > 1),
                ("production apart", not platform.beside_production),
                ("reviewed models", bool(self._reviewed())),
                ("labelled models", bool(self._deliverers)),
                ("workbench", platform.workbench is not None),
                ("model monitor", platform.monitoring.backend is Backend.MANAGED),
                ("portable monitors", platform.monitoring.backend is Backend.PORTABLE),
                ("source behind a connection", platform.source.provider is SourceProvider.CODECONNECTIONS),
                ("source in CodeCommit", platform.source.provider is SourceProvider.CODECOMMIT),
                ("source in S3", platform.source.provider is SourceProvider.S3),
                ("source that a rule hears of", platform.delivery.starts_by_rule),
            )
            if present
        )

    def members(self, wanted: str | Sequence[str], bound: Bound) -> list[Word]:
        """The words of a set, or of the items of a list.

        Args:
            wanted: `models`, `others of model`, `roles like {name}-* except {name}-x`, an environment, … or a list of
                plain words.
            bound: Variables that the rule has bound before.

        Raises:
            UnknownWordError: There is no such set.
        """
        if not isinstance(wanted, str):
            return [self._environments.get(item) or _plain(item) for item in wanted]
        if wanted in self._environments:
            return [self._environments[wanted]]
        if wanted in self._sets:
            return list(self._sets[wanted]())
        if wanted.startswith("roles like "):
            pattern, _, excepted = self.fill(wanted.removeprefix("roles like "), bound).partition(" except ")
            others = excepted.split(", ")
            return [
                word for word in self._sets["roles"]() if fnmatchcase(word.text, pattern) and word.text not in others
            ]
        if wanted.startswith("others of "):
            variable, _, where = wanted.removeprefix("others of ").partition(", ")
            words = self._globals | dict(bound)
            others_of = self._others(variable, words)
            return [o for o in others_of if where != "apart" or o.account != words[variable].account]
        patterns = ["others of <variable>", "others of <environment>, apart", "roles like <pattern> except <names>"]
        known = [*self._sets, *self._environments, *patterns]
        raise UnknownWordError(f"there is no set {wanted}; accepted: {', '.join(known)}, or a list")

    def fill(self, text: str, bound: Bound) -> str:
        """Puts values into the placeholders of a text.

        Args:
            text: E.g. `{env}-{model}-train`.
            bound: The variables of the rule.

        Raises:
            UnknownWordError: A placeholder is not known.
        """
        words = self._globals | dict(bound)

        def value(match: re.Match[str]) -> str:
            variable, kind, part = match.groups()
            word = words.get(variable)
            if word is None:
                raise UnknownWordError(f"{match.group()} is not known{meant(variable, words)}")
            found = word.text if part is None else self._arn_prefix(word, part) if kind == ":" else word.parts(part)
            if found is None:
                raise UnknownWordError(f"{match.group()} is not known: {word.text} has no {part}")
            return found

        filled = _PLACEHOLDER.sub(value, text)
        if "{" in filled or "}" in filled:
            raise UnknownWordError(f"{text} has a brace that is no placeholder")
        return filled

    def uses_generic(self, text: str, bound: Bound) -> bool:
        """Whether a text speaks of all roles rather than of one that it names."""
        return any(bound[name].generic for name, _, _ in _PLACEHOLDER.findall(text) if name in bound)

    def environment(self, name: str) -> Word | None:
        """An environment by its name; none if none has it."""
        return self._environments.get(name)

    def environment_of(self, role: str, account: str) -> Word | None:
        """The environment that a role is of, by the role's name; none if it is of none."""
        found = (w for w in self._environments.values() if w.account == account and role.startswith(f"{w.text}-"))
        return next(found, None)

    def _where(self, chosen: Callable[[Deployment], bool]) -> list[Word]:
        return [self._environments[d.environment.value] for d in self._platform.deployments() if chosen(d)]

    def _others(self, variable: str, words: Bound) -> list[Word]:
        word = words.get(variable)
        if word is None:
            raise UnknownWordError(f"others of {variable}: no such variable is bound before{meant(variable, words)}")
        if word in self._environments.values():
            return [other for other in self._environments.values() if other is not word]
        if word.account is not None and word.account == word.text:
            return [self._account(account) for account in self.account_ids if account != word.account]
        names = [name for name in (*self._approvals, _ANOTHER_MODEL) if _slug(name) != word.text]
        return [self._model(name) for name in names]

    def _reviewed(self) -> list[str]:
        return [name for name, approval in self._approvals.items() if approval == _REVIEWED]

    def _arn_prefix(self, word: Word, service: str) -> str | None:
        if word.account is None:
            return None
        region = "" if service == "iam" else self._platform.region
        return f"arn:{self._platform.partition}:{service}:{region}:{word.account}"

    def _environment(self, deployment: Deployment) -> Word:
        fixed = {
            "name": deployment.environment.value,
            "account": deployment.account,
            "data": deployment.data_bucket,
            "models": deployment.models_bucket,
            "capture": deployment.capture_bucket,
            "logs": deployment.logs_bucket,
            "trail": deployment.trail_bucket,
            "boundary": deployment.boundary_arn,
            "people": deployment.people_account,
            "images": deployment.image_repository_arn,
            "artifacts": deployment.artifacts_prefix_name,
            "replication": deployment.replication_role_name,
        }

        def part(name: str) -> str | None:
            kind, _, rest = name.partition(".")
            if kind == "key":
                return self._landscape.keys.get((deployment.account, deployment.key_alias(rest)))
            if kind == "value":
                return self._landscape.published.get(deployment.account, {}).get(deployment.parameter(rest))
            return fixed.get(name)

        return Word(text=deployment.prefix, parts=part, account=deployment.account)

    def _model(self, name: str) -> Word:
        pipeline = f"{self._platform.name}-release-{_slug(name)}"
        parts = {
            "name": name,
            "approval": self._approvals.get(name, _REVIEWED),
            "released": artifacts_folder(pipeline),
        }
        if name in self._deliverers:
            parts["deliverer"] = self._deliverer(name)
        return Word(text=_slug(name), parts=parts.get)

    def _deliverer(self, name: str) -> str:
        """Who delivers a model's labels, as the table names a role that no template makes."""
        account, _, role = self._deliverers[name].rpartition(":role/")
        production = self._platform.deployment(Environment.PRODUCTION).account
        return f"{role} of {account.rpartition(':')[2] or production}"

    def _account(self, account: str) -> Word:
        def part(name: str) -> str | None:
            kind, _, rest = name.partition(".")
            if kind == "key":
                return self._landscape.keys.get((account, f"alias/{self._platform.name}-{rest}"))
            if name == "assets_key":
                return self._landscape.keys.get((account, f"alias/cdk-{self._platform.name}-assets-key"))
            return {"account": account, "people": self._platform.people.account or account}.get(name)

        return Word(text=account, parts=part, account=account)


def meant(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: what was probably meant, or what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"; meant: {close[0]}" if close else f"; accepted: {', '.join(names)}"


def _slug(name: str) -> str:
    return name.replace("_", "-")


def _plain(text: str) -> Word:
    return Word(text=text, parts=lambda _: None)


def _role(role: Role) -> Word:
    parts = {"account": role.account, "arn": role.arn}
    return Word(text=role.name, parts=parts.get, account=role.account, generic=True)
