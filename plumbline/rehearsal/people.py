"""The people of a rehearsal: users with a second factor, who take the platform's roles for people."""

import json

from plumbline.configuration import Person, Placement, Platform
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Session

_USER = "rehearsal-{person}"


class People:
    """One user a role, made where people sign in when the role is first taken.

    Args:
        cloud: The cloud.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._users: dict[tuple[str, Person], tuple[Session, str]] = {}
        self._sessions: dict[str, Session] = {}

    def take(self, person: Person, placement: Placement) -> Session:
        """A session of a role for people, taken with the second factor; the same one each time.

        Raises:
            botocore.exceptions.ClientError: AccessDenied.
        """
        role = placement.person_role_arn(person)
        if role not in self._sessions:
            user, device = self._user(person, placement)
            self._sessions[role] = self._cloud.assume(role, caller=user, name=person.value, device=device)
        return self._sessions[role]

    def user(self, person: Person, placement: Placement) -> Session:
        """The user behind a role, who may do nothing but take such roles."""
        return self._user(person, placement)[0]

    def _user(self, person: Person, placement: Placement) -> tuple[Session, str]:
        account = placement.people_account
        if (account, person) not in self._users:
            iam = self._cloud.administrator(account).client("iam")
            name = _USER.format(person=person)
            iam.create_user(UserName=name)
            roles = [d.person_role_arn(person) for d in _parts(placement.platform)]
            iam.put_user_policy(
                UserName=name,
                PolicyName="take-roles",
                PolicyDocument=json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles}],
                    }
                ),
            )
            device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
            iam.enable_mfa_device(
                UserName=name, SerialNumber=device, AuthenticationCode1="000000", AuthenticationCode2="000001"
            )
            key = iam.create_access_key(UserName=name)["AccessKey"]
            session = self._cloud.session(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
            self._users[account, person] = (session, str(device))
        return self._users[account, person]


def _parts(platform: Platform) -> list[Placement]:
    return [*platform.deployments(), platform.delivery]
