"""The variables that a build's commands see.

Source: CodeBuild user guide, "Environment variables in build environments". Of this machine's own variables a build
gets those alone that say how a package registry is reached, and of these none that holds a password.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from plumbline.rehearsal.codebuild.buildspec import Buildspec
from plumbline.rehearsal.codebuild.errors import PhaseFailedError
from plumbline.rehearsal.codebuild.image import SYSTEM_PATH
from plumbline.rehearsal.codebuild.orders import Build
from plumbline.rehearsal.session import Session
from plumbline.toolchain import ROOT

# What a build finds there, wherever the build's own folder is.
BASE = "/opt/codebuild"
HOME = f"{BASE}/home"
SOURCE = f"{BASE}/output/src/src"
INPUTS = f"{BASE}/output/src"
SCRATCH = f"{BASE}/scratch"
TEMPORARY = f"{BASE}/output/tmp"
AUTHORITY = f"{BASE}/authority.pem"
AUTHORITIES = f"{BASE}/authorities.pem"
_REGISTRIES = (
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"),
    *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL", "UV_NATIVE_TLS"),
    *("PIP_CERT", "PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL"),
    *("NPM_CONFIG_REGISTRY", "npm_config_registry"),
    *("CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
)
_PASSWORD = re.compile(r"//[^/@\s]+@")
_LOCAL = "127.0.0.1,localhost"


def machine_variables(person: Mapping[str, str], *, uv_cache: Path | None) -> dict[str, str]:
    """What the stand-in image sets, whatever the build.

    Args:
        person: The environment of the person's own process.
        uv_cache: The cache of Python packages, when there is one.
    """
    passed = {name: person[name] for name in _REGISTRIES if name in person and not _PASSWORD.search(person[name])}
    proxied = any(name.lower().endswith("_proxy") for name in passed)
    direct = ",".join(filter(None, (person.get("NO_PROXY") or person.get("no_proxy"), _LOCAL)))
    return {
        **passed,
        **({"NO_PROXY": direct, "no_proxy": direct} if proxied else {}),
        **({"UV_CACHE_DIR": str(uv_cache)} if uv_cache else {}),
        # The cache and the build lie on different mounts, which no hard link crosses.
        "UV_LINK_MODE": "symlink",
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "PATH": f"{BASE}/bin:{HOME}/npm/bin:{HOME}/.local/bin:{SYSTEM_PATH}",
        "TMPDIR": SCRATCH,
        "DOCKER_CONFIG": f"{BASE}/docker",
        "npm_config_cache": f"{HOME}/.npm",
        "npm_config_prefix": f"{HOME}/npm",
        "npm_config_prefer_offline": "true",
        "npm_config_update_notifier": "false",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Where one build finds what another has worked out; packages lie where a build cannot write.
        "MYPY_CACHE_DIR": f"{HOME}/.cache/mypy",
        "PYTHONPYCACHEPREFIX": f"{HOME}/.cache/python",
        # What the checkout's own launcher has made is taken by a commit that has the same locks.
        "PLUMB_ENVIRONMENT": str(ROOT),
    }


def given_variables(build: Build, buildspec: Buildspec, parameters: Mapping[str, str]) -> dict[str, str]:
    """What the buildspec, the project and the start of the build say, the later ones over the earlier.

    Args:
        build: The build.
        buildspec: Its buildspec.
        parameters: The values of the SSM parameters that either names, by the parameter's name.
    """
    given = dict(buildspec.variables)
    given |= {name: parameters[parameter] for name, parameter in buildspec.parameters.items()}
    for one in build.order.variables:
        given[one["name"]] = parameters[one["value"]] if one["type"] == "PARAMETER_STORE" else one["value"]
    return given


def named_parameters(build: Build, buildspec: Buildspec) -> tuple[str, ...]:
    """The SSM parameters that a build needs.

    Raises:
        PhaseFailedError: It needs secrets as well.
    """
    secret = [one["name"] for one in build.order.variables if one["type"] == "SECRETS_MANAGER"]
    if secret:
        raise PhaseFailedError(
            "Decrypted Variables Error",
            f"{', '.join(secret)}: variables of the type SECRETS_MANAGER are no part of the rehearsal's CodeBuild",
        )
    overriding = [one["value"] for one in build.order.variables if one["type"] == "PARAMETER_STORE"]
    return tuple(dict.fromkeys([*buildspec.parameters.values(), *overriding]))


def build_variables(build: Build, *, session: Session, revision: str) -> dict[str, str]:
    """What CodeBuild itself sets.

    Args:
        build: The build.
        session: The role that the commands act in.
        revision: The source's revision, where one is known.
    """
    record, order = build.describe(), build.order
    variables = {
        "CI": "true",
        "CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": build.arn,
        "CODEBUILD_BUILD_ID": build.id,
        "CODEBUILD_BUILD_IMAGE": record["environment"]["image"],
        "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
        "CODEBUILD_INITIATOR": order.initiator,
        "CODEBUILD_KMS_KEY_ID": record["encryptionKey"],
        "CODEBUILD_LOG_PATH": record["logs"].get("streamName", ""),
        "CODEBUILD_PROJECT_ARN": order.project["arn"],
        "CODEBUILD_RESOLVED_SOURCE_VERSION": revision,
        "CODEBUILD_SOURCE_VERSION": record.get("sourceVersion", ""),
        "CODEBUILD_SRC_DIR": SOURCE,
        "CODEBUILD_START_TIME": str(int(record["startTime"] * 1000)),
    }
    for one in order.inputs:
        if one != order.source:
            variables[f"CODEBUILD_SRC_DIR_{one.name}"] = f"{INPUTS}/{one.name}"
            variables[f"CODEBUILD_SOURCE_VERSION_{one.name}"] = f"arn:aws:s3:::{one.bucket}/{one.key}"
    access = session.environment() | {"AWS_CA_BUNDLE": AUTHORITY, "NODE_EXTRA_CA_CERTS": AUTHORITIES}
    return variables | access


def authorities(own: Path) -> str:
    """The rehearsal's certificate authority and those that the person's Node.js trusts, for tools that reach both."""
    texts = [own.read_text(encoding="utf-8")]
    person = os.environ.get("NODE_EXTRA_CA_CERTS")
    if person and Path(person).is_file():
        texts.append(Path(person).read_text(encoding="utf-8", errors="replace"))
    return "\n".join(texts)
