"""The real programs that tests run.

A program that is not installed skips the test on a laptop. In CI the variable
``KEYPOST_REQUIRE`` lists the programs that must be there, separated by commas;
for those it fails the test.
"""

import os
import shutil

import pytest

# Debian keeps Postfix and Dovecot where a user's PATH does not look.
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def require(name: str) -> str:
    """Return the path of a program, or skip or fail the test that asks."""
    found = shutil.which(name, path=_PATH)
    if found is not None:
        return found
    if name in _required():
        pytest.fail(f"KEYPOST_REQUIRE lists {name}, which is not installed")
    pytest.skip(f"{name} is not installed")


def _required() -> list[str]:
    return [name.strip() for name in os.environ.get("KEYPOST_REQUIRE", "").split(",")]
