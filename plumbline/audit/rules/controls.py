"""Which controls of which frameworks a rule answers.

NIST: SP 800-53 Revision 5. HIPAA: 45 CFR part 164, the Security Rule. PCI DSS: version 4.0.1. SOC 2: the Trust Services
Criteria of 2017 with the points of focus of 2022. Security Hub: the ids of AWS Security Hub CSPM, "Security Hub CSPM
controls reference". A rule shows that a resource does its part of a control; no rule shows a whole control.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FRAMEWORKS = ("Security Hub", "NIST 800-53 R5", "HIPAA", "PCI DSS", "SOC 2")


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """Controls that ask for the same thing."""

    nist: tuple[str, ...]
    hipaa: tuple[str, ...] = ()
    pci: tuple[str, ...] = ()
    soc2: tuple[str, ...]


ENCRYPTION_AT_REST = Purpose(
    nist=("SC-12", "SC-13", "SC-28", "SC-28(1)"),
    hipaa=("164.312(a)(2)(iv)",),
    pci=("3.5.1", "3.6.1"),
    soc2=("CC6.1", "C1.1"),
)
ENCRYPTION_IN_TRANSIT = Purpose(
    nist=("SC-8", "SC-8(1)", "SC-13"),
    hipaa=("164.312(e)(1)", "164.312(e)(2)(ii)"),
    pci=("4.2.1",),
    soc2=("CC6.7",),
)
KEY_MANAGEMENT = Purpose(
    nist=("SC-12", "SC-12(1)"), hipaa=("164.312(a)(2)(iv)",), pci=("3.6.1", "3.7.4"), soc2=("CC6.1",)
)
NETWORK_BOUNDARY = Purpose(
    nist=("AC-4", "SC-7", "SC-7(5)"),
    hipaa=("164.312(a)(1)", "164.312(e)(1)"),
    pci=("1.3.1", "1.3.2", "1.4.4"),
    soc2=("CC6.6",),
)
LEAST_PRIVILEGE = Purpose(
    nist=("AC-3", "AC-6"),
    hipaa=("164.308(a)(3)(i)", "164.308(a)(4)(ii)(B)", "164.312(a)(1)"),
    pci=("7.2.1", "7.2.2", "7.2.5"),
    soc2=("CC6.1", "CC6.3"),
)
OUTSIDERS = Purpose(
    nist=("AC-3", "AC-4", "AC-6", "AC-21"),
    hipaa=("164.308(a)(4)(i)", "164.312(a)(1)"),
    pci=("7.2.1", "7.3.1"),
    soc2=("CC6.1", "CC6.6"),
)
SEPARATION_OF_DUTIES = Purpose(
    nist=("AC-5", "CM-5"), hipaa=("164.308(a)(3)(i)",), pci=("6.5.4", "7.2.2"), soc2=("CC6.3", "CC8.1")
)
AUDIT_TRAIL = Purpose(
    nist=("AU-2", "AU-3", "AU-12"),
    hipaa=("164.312(b)", "164.308(a)(1)(ii)(D)"),
    pci=("10.2.1", "10.2.2"),
    soc2=("CC7.2",),
)
AUDIT_PROTECTION = Purpose(
    nist=("AU-9", "AU-11"), hipaa=("164.312(b)", "164.312(c)(1)"), pci=("10.3.2", "10.3.4", "10.5.1"), soc2=("CC7.2",)
)
MONITORING = Purpose(
    nist=("AU-6", "CA-7", "SI-4"), hipaa=("164.308(a)(1)(ii)(D)",), pci=("10.4.1", "10.7.2"), soc2=("CC7.2", "CC7.3")
)
CHANGE_CONTROL = Purpose(nist=("CM-3", "SA-10"), hipaa=("164.308(a)(8)",), pci=("6.5.1", "6.5.2"), soc2=("CC8.1",))
INTEGRITY = Purpose(nist=("CM-14", "SI-7"), hipaa=("164.312(c)(1)",), pci=("6.3.2", "11.5.2"), soc2=("CC6.8", "CC7.1"))
FLAWS = Purpose(nist=("RA-5", "SI-2"), hipaa=("164.308(a)(1)(ii)(A)",), pci=("6.3.3", "11.3.1"), soc2=("CC7.1",))
AVAILABILITY = Purpose(nist=("CP-10", "SC-5", "SC-36"), hipaa=("164.308(a)(7)(i)",), soc2=("A1.2",))
RECOVERY = Purpose(
    nist=("CP-9", "CP-10", "SI-12"), hipaa=("164.308(a)(7)(ii)(A)", "164.312(c)(1)"), pci=("10.5.1",), soc2=("A1.2",)
)
SECRETS = Purpose(
    nist=("IA-5", "IA-5(7)"), hipaa=("164.308(a)(5)(ii)(D)", "164.312(d)"), pci=("8.3.2", "8.6.2"), soc2=("CC6.1",)
)
HARDENING = Purpose(
    nist=("CM-6", "CM-7"), hipaa=("164.308(a)(1)(ii)(B)",), pci=("2.2.1", "2.2.4"), soc2=("CC6.8", "CC7.1")
)
LIMITS = Purpose(nist=("SC-5", "SC-6"), hipaa=("164.308(a)(7)(i)",), soc2=("A1.1",))
AUDITABILITY = Purpose(nist=("CA-2", "CM-2", "CM-6"), hipaa=("164.308(a)(8)",), pci=("2.2.1",), soc2=("CC4.1", "CC7.1"))


def answers(*purposes: Purpose, security_hub: tuple[str, ...] = ()) -> Mapping[str, tuple[str, ...]]:
    """Ids of controls by framework.

    Args:
        purposes: What the rule is for.
        security_hub: Ids of Security Hub, e.g. `SageMaker.5`; none where Security Hub has no such control.
    """
    found = {
        "Security Hub": security_hub,
        "NIST 800-53 R5": tuple(dict.fromkeys(one for purpose in purposes for one in purpose.nist)),
        "HIPAA": tuple(dict.fromkeys(one for purpose in purposes for one in purpose.hipaa)),
        "PCI DSS": tuple(dict.fromkeys(one for purpose in purposes for one in purpose.pci)),
        "SOC 2": tuple(dict.fromkeys(one for purpose in purposes for one in purpose.soc2)),
    }
    return {framework: ids for framework, ids in found.items() if ids}
