"""The one door to Pillow, which a device needs only where images are decoded or resized."""

from __future__ import annotations

from typing import Any

from autoedge.errors import DataError


def pillow() -> Any:
    """Pillow's module ``Image``.

    Raises:
        DataError: It is not installed; says how to.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            "decoding and resizing images takes Pillow, which is not installed: "
            "pip install 'autoedge[images]', on a device pip install pillow"
        ) from error
    return Image
