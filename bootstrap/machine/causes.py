"""Name the cause of a failed command where its own output makes it evident; no guessing."""

from __future__ import annotations

import re

_CAUSES = (
    (r"No space left on device|Disk quota exceeded", "The disk is full."),
    (
        (
            r"Temporary failure in name resolution|Name or service not known"
            r"|nodename nor servname provided|Network is unreachable|No route to host"
            r"|Failed to resolve '"
        ),
        "The network, or the package index behind it, cannot be reached.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "A certificate is not trusted here; a company proxy needs its own (PIP_CERT).",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "A downloaded package is not the one that was locked.",
    ),
    (
        r"No matching distribution found for (?P<detail>\S+)",
        "The package index offers no {detail} for this Python.",
    ),
    (r"database is locked", "Another program holds the database locked."),
    (r"Permission denied: (?P<detail>'[^']+')", "No permission for {detail}."),
    (r"(?m)^FAILED (?P<detail>\S+)", "A test failed: {detail}"),
)


def evident_cause(output: str) -> str | None:
    """One sentence, or None: then the output itself is the best that can be said."""
    for pattern, sentence in _CAUSES:
        if match := re.search(pattern, output):
            return sentence.format(**match.groupdict())
    return None
