# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What the status of a CAPF profile means, and its remedy.

The 34 values are those of AXL's XCertificateStatus, the same in CUCM 11.5 to 15. Cisco documents the values and, for most
of them, nothing else: meanings are derived from their words and from how enrolment works, and are worded accordingly.
"""

from __future__ import annotations

ARM = "Provision again: the profile is armed again, with a new authorization string, as soon as the host needs a certificate."
ANOTHER = ("A CTI client does not need this operation; for it, CUCM's page offers only Install/Upgrade. Find out who set it "
           "through AXL. Then provision again, which arms the profile if the host needs a certificate.")

# Each operation, and the words for its failure.
OPERATIONS = {
    "Upgrade": "Issuing a certificate failed",
    "Delete": "Deleting the certificate failed",
    "Troubleshoot": "Reading the certificate back failed",
}
# cause: (meaning, what to do before the profile is armed again).
CAUSES = {
    "Invalid LSC": (
        "the certificate from an earlier enrolment that the client presented was not accepted",
        "A profile armed by this collection asks for an authorization string and not for a certificate: check whether "
        "another authentication mode was set."),
    "Invalid Authentication String": (
        "the client sent a different authorization string from that of the profile",
        "Check for an authorization string that was entered by hand with a blank or with a zero too few, and for a second client with the "
        "same instance ID."),
    "Invalid MIC": (
        "CAPF asked for a certificate installed by the manufacturer, but a CTI client has none",
        "Find out who set the profile's authentication mode to an existing certificate with precedence to the MIC."),
    "Invalid Credentials": (
        "CAPF did not accept the credentials of the client",
        "Compare instance ID and user on the client with those of the profile."),
    "Phone Communication Failure": (
        "the connection between CAPF and the client broke before the certificate was stored",
        "Check TCP port 3804 between the client and the publisher (firewall, load of either), and read the client's trace."),
    "Key Generation Failed/Timeout": (
        "the client did not send its key, or not in time",
        "Check the load of the client's host, and read its trace. A shorter key is created faster."),
    "CA Communication Failure": (
        "CAPF did not reach the CA that signs",
        "Check CAPF's service parameters about its issuer: an online CA must be reachable from the publisher."),
    "CA Rejected Connection": (
        "the CA that signs refused CAPF",
        "Read the log of the CA, and check the credentials in CAPF's service parameters about its issuer."),
    "User Initiated Request Late/Timedout": (
        "the client connected after the profile's deadline (Operation Completes By), or did not finish in time",
        "Let the client enrol sooner, or give the operation more hours."),
    "No Support for EC only in CAPF version 3": (
        "the profile requires an EC key, but the client's CAPF version 3 has none",
        "Give key: {type: rsa, size: 2048} in the list of instances."),
}
# The causes that are listed with each operation: Troubleshoot involves no CA, and one cause was added later.
COMMON = ("Invalid LSC", "Invalid Authentication String", "Invalid MIC", "Invalid Credentials", "Phone Communication Failure",
          "Key Generation Failed/Timeout")
OF_AUTHORITY = ("CA Communication Failure", "CA Rejected Connection")
LATE = "User Initiated Request Late/Timedout"
NO_EC = "No Support for EC only in CAPF version 3"
LISTED = {
    "Upgrade": COMMON + OF_AUTHORITY + (LATE, NO_EC),
    "Delete": COMMON + OF_AUTHORITY + (LATE,),
    "Troubleshoot": COMMON + (LATE,),
}

# status: (meaning, remedy), both sentences.
STATUSES = {
    "None": ("No certificate operation was ever done with this profile, or none is recorded.", ARM),
    "Operation Pending": (
        "The profile is armed, and its authorization string was not used yet.",
        "Nothing while a run is under way, or while a TSP is to fetch its certificate. Otherwise, the authorization string is "
        "lost with the run that created it: provision again, which arms the profile again."),
    "Upgrade Success": (
        "CAPF issued a certificate. Only the host shows whether it still has the key.",
        "Nothing if the host holds the certificate; otherwise provision again."),
    "Delete Success": ("The certificate was deleted.", ARM),
    "Troubleshoot Success": ("CAPF read the client's certificate back. This issued no certificate.",
                             "Nothing if the host holds a certificate; otherwise provision again."),
}
for _operation, _words in OPERATIONS.items():
    _again = ARM if _operation == "Upgrade" else ANOTHER
    STATUSES["%s Failed" % _operation] = (
        "%s; the cluster does not say why." % _words, "Read the CAPF trace for that time. %s" % _again)
    for _cause in LISTED[_operation]:
        STATUSES["%s Failed: %s" % (_operation, _cause)] = (
            "%s: %s." % (_words, CAUSES[_cause][0]), "%s %s" % (CAUSES[_cause][1], _again))

UNKNOWN = ("This status is not one of the 34 that are known from CUCM 11.5 to 15.", "Check the profile in CUCM, and read the CAPF trace.")


def describe(status: str | None) -> tuple[str, str]:
    """C((meaning, cure)) of a status as the cluster writes it; an unknown one never counts as a success."""
    return STATUSES.get(status or "None", UNKNOWN)
