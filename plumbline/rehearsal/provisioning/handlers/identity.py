"""Roles and policies."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, When, calls, tagged

_BOUNDARY = {"iam:PermissionsBoundary": "{boundary}"}
_POLICY = _BOUNDARY | {"iam:PolicyARN": "{item}"}
_ROLE_OF_ITEM = "iam::{account}:role/{item}"

HANDLERS: Mapping[str, Handler] = {
    "AWS::IAM::Role": Handler(
        on="iam::{account}:role{path}{name}",
        name="RoleName",
        create=(
            *tagged("iam:CreateRole", keys={"iam:PermissionsBoundary": "{PermissionsBoundary}"}),
            *tagged("iam:TagRole", of="Tags"),
            *calls("iam:AttachRolePolicy", each="ManagedPolicyArns.*", keys=_POLICY),
            *calls("iam:PutRolePolicy", each="Policies.*.PolicyName", keys=_BOUNDARY),
            *calls("iam:GetRole"),
        ),
        update=(
            *calls("iam:UpdateAssumeRolePolicy", of="AssumeRolePolicyDocument", keys=_BOUNDARY),
            *calls("iam:UpdateRoleDescription", of="Description", keys=_BOUNDARY),
            *calls("iam:UpdateRole", of="MaxSessionDuration", keys=_BOUNDARY),
            *calls(
                "iam:AttachRolePolicy",
                of="ManagedPolicyArns",
                when=When.ADDED,
                each="ManagedPolicyArns.*",
                keys=_POLICY,
            ),
            *calls(
                "iam:DetachRolePolicy",
                of="ManagedPolicyArns",
                when=When.REMOVED,
                each="ManagedPolicyArns.*",
                keys=_POLICY,
            ),
            *calls("iam:PutRolePolicy", of="Policies", each="Policies.*.PolicyName", keys=_BOUNDARY),
            *calls(
                "iam:DeleteRolePolicy",
                of="Policies",
                when=When.REMOVED,
                each="Policies.*.PolicyName",
                keys=_BOUNDARY,
            ),
            *calls(
                "iam:PutRolePermissionsBoundary",
                of="PermissionsBoundary",
                each="PermissionsBoundary",
                keys={"iam:PermissionsBoundary": "{PermissionsBoundary}"},
            ),
            *calls("iam:DeleteRolePermissionsBoundary", of="PermissionsBoundary", when=When.REMOVED, keys=_BOUNDARY),
            *tagged("iam:TagRole", of="Tags"),
        ),
        delete=(
            *calls("iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
            *calls("iam:DetachRolePolicy", each="ManagedPolicyArns.*", keys=_POLICY),
            *calls("iam:DeleteRolePolicy", each="Policies.*.PolicyName", keys=_BOUNDARY),
            *calls("iam:DeleteRole", keys=_BOUNDARY),
        ),
        replacing=frozenset({"Path", "RoleName"}),
        system_tags=False,
    ),
    "AWS::IAM::ManagedPolicy": Handler(
        on="iam::{account}:policy{path}{name}",
        name="ManagedPolicyName",
        create=(
            *calls("iam:CreatePolicy"),
            *calls(
                "iam:AttachRolePolicy",
                on=_ROLE_OF_ITEM,
                each="Roles.*",
                keys=_BOUNDARY | {"iam:PolicyARN": "arn:aws:iam::{account}:policy{path}{name}"},
            ),
        ),
        update=(
            *calls("iam:GetPolicy", "iam:ListPolicyVersions"),
            *calls("iam:CreatePolicyVersion", "iam:DeletePolicyVersion", of="PolicyDocument"),
            *(
                call
                for action, when in (("iam:AttachRolePolicy", When.ADDED), ("iam:DetachRolePolicy", When.REMOVED))
                for call in calls(
                    action,
                    on=_ROLE_OF_ITEM,
                    of="Roles",
                    when=when,
                    each="Roles.*",
                    keys=_BOUNDARY | {"iam:PolicyARN": "arn:aws:iam::{account}:policy{path}{name}"},
                )
            ),
        ),
        delete=(
            *calls("iam:GetPolicy", "iam:ListPolicyVersions", "iam:ListEntitiesForPolicy"),
            *calls(
                "iam:DetachRolePolicy",
                on=_ROLE_OF_ITEM,
                each="Roles.*",
                keys=_BOUNDARY | {"iam:PolicyARN": "arn:aws:iam::{account}:policy{path}{name}"},
            ),
            *calls("iam:DeletePolicy"),
        ),
        replacing=frozenset({"ManagedPolicyName", "Description", "Path"}),
    ),
    # Without a handler in the registry. IAM API reference, "PutRolePolicy" and "DeleteRolePolicy".
    "AWS::IAM::Policy": Handler(
        on="iam::{account}:role/{item}",
        create=calls("iam:PutRolePolicy", each="Roles.*", keys=_BOUNDARY),
        update=(
            *calls("iam:PutRolePolicy", each="Roles.*", keys=_BOUNDARY),
            *calls("iam:DeleteRolePolicy", of="Roles", when=When.REMOVED, each="Roles.*", keys=_BOUNDARY),
        ),
        delete=calls("iam:DeleteRolePolicy", each="Roles.*", keys=_BOUNDARY),
        replacing=frozenset(),
    ),
}
