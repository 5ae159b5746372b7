# Copyright (c) 2026 The voiceops.secure_tsp maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change without notice.
"""What the status of a CAPF profile means, and what cures it.

The 34 values are those of AXL's XCertificateStatus, the same in CUCM 11.5 to 15. Cisco documents the values and, for most
of them, nothing else: meanings are read from their words and from how enrolment works, and are said that way.
"""

from __future__ import annotations

ARM = "Provision again: the profile is armed anew, with a new string, as soon as the host says that it needs a certificate."
ANOTHER = ("Nobody needs this for a CTI client, for which CUCM's page offers Install/Upgrade only: see who set it through AXL. "
           "Then provision again, which arms the profile where the host needs a certificate.")

# Every operation, as its own words: what it is, and what it leaves behind when it fails.
OPERATIONS = {
    "Upgrade": "Issuing a certificate failed",
    "Delete": "Deleting the certificate failed",
    "Troubleshoot": "Reading the certificate back failed",
}
# cause: (meaning, what to do before the profile is armed again).
CAUSES = {
    "Invalid LSC": (
        "the certificate that the client showed, of an enrolment before, was not accepted",
        "A profile armed by this collection asks for a string and not for a certificate: look whether somebody set another "
        "authentication mode."),
    "Invalid Authentication String": (
        "the client gave another authorization string than the profile holds",
        "Look for a string entered by hand, with a blank or a zero too few, or for a second client with the same instance ID."),
    "Invalid MIC": (
        "a certificate installed by the manufacturer was asked for, and a CTI client has none",
        "Look who set the profile's authentication mode to an existing certificate with precedence to the MIC."),
    "Invalid Credentials": (
        "CAPF did not accept what the client proved itself with",
        "Compare instance ID and user on the client with those of the profile."),
    "Phone Communication Failure": (
        "the connection between CAPF and the client broke before the certificate was stored",
        "Look at TCP port 3804 between the client and the publisher (firewall, load of either), and at the client's trace."),
    "Key Generation Failed/Timeout": (
        "the client did not come with its key, or not in time",
        "Look at the load of the client's host and at its trace; a key of fewer bits is made faster."),
    "CA Communication Failure": (
        "CAPF did not reach the authority that is to sign",
        "Look at CAPF's service parameters about its issuer: an online authority must answer from the publisher."),
    "CA Rejected Connection": (
        "the authority that is to sign refused CAPF",
        "Look at the authority's own log, and at the credentials in CAPF's service parameters about its issuer."),
    "User Initiated Request Late/Timedout": (
        "the client came after the profile's deadline (Operation Completes By), or began and did not end in time",
        "Let the client fetch its certificate sooner, or give the operation more hours."),
    "No Support for EC only in CAPF version 3": (
        "the profile demands an EC key, and the client's CAPF version 3 has none",
        "Give key: {type: rsa, size: 2048} in the list of instances."),
}
# The operations that each cause is listed with: Troubleshoot has no authority to ask, and one cause came later.
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

# status: (meaning, cure), both sentences.
STATUSES = {
    "None": ("No certificate operation was ever done with this profile, or none is remembered.", ARM),
    "Operation Pending": (
        "The profile is armed, and its string was not used yet.",
        "Nothing while a run is under way, or while a TSP is to fetch its certificate. Otherwise the string is lost with the run "
        "that made it: provision again, which arms the profile anew."),
    "Upgrade Success": (
        "CAPF issued a certificate. Whether the host still has its key, only the host tells.",
        "Nothing where the host holds the certificate; otherwise provision again."),
    "Delete Success": ("The certificate was deleted.", ARM),
    "Troubleshoot Success": ("CAPF read the client's certificate back. None was issued by that.",
                             "Nothing where the host holds a certificate; otherwise provision again."),
}
for _operation, _words in OPERATIONS.items():
    _again = ARM if _operation == "Upgrade" else ANOTHER
    STATUSES["%s Failed" % _operation] = (
        "%s; the cluster does not say why." % _words, "Look at the CAPF trace of that time. %s" % _again)
    for _cause in LISTED[_operation]:
        STATUSES["%s Failed: %s" % (_operation, _cause)] = (
            "%s: %s." % (_words, CAUSES[_cause][0]), "%s %s" % (CAUSES[_cause][1], _again))

UNKNOWN = ("This status is not among the 34 that are known of CUCM 11.5 to 15.", "Look at the profile in CUCM, and at the CAPF trace.")


def describe(status: str | None) -> tuple[str, str]:
    """C((meaning, cure)) of a status as the cluster writes it; an unknown one is never taken for a success."""
    return STATUSES.get(status or "None", UNKNOWN)
