"""Hold one bundle against another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.deploy.difference import Difference, difference
from autoedge.deploy.opened import looked_into

if TYPE_CHECKING:
    from pathlib import Path


def diff_bundles(a: Path, b: Path) -> Difference:
    """What one bundle is, holds and achieves otherwise than another; both are checked first.

    Args:
        a: Folder or archive of the one.
        b: Folder or archive of the other.

    Raises:
        BundleError: Either is altered, incomplete, damaged or hostile.
    """
    (one, sizes_of_one), (other, sizes_of_other) = looked_into(a), looked_into(b)
    return difference(one, other, sizes_of_one, sizes_of_other)
