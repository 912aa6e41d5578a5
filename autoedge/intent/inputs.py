"""What an intent says of a model's inputs: the sizes to search, and how samples are prepared."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from autoedge.intent.problem import RuleError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_SIDE = 16384
LONGEST_LENGTH = 2**20
OF_INPUTS = {"image": "_size", "tokens": "_length"}
"""How the names of knobs end that say what is fed to a model, by kind of input."""
_CHANNELS = {"grey": 1, "RGB": 3, "BGR": 3}
_PLAIN = ("nearest", "bilinear", "bicubic")
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_FRACTION = re.compile(r"[0-9]{1,9}/[0-9]{1,9}")

IMAGE_KEYS = (
    "size", "layout", "colour", "resize", "antialias", "padding", "crop", "scale", "mean", "std", "dtype",
    "data_layout",
)  # fmt: skip
TOKEN_KEYS = ("length", "pad", "side", "truncate", "mask")

Size = int | str


@dataclass(frozen=True)
class InputSpec:
    """One entry of the section ``inputs``.

    Attributes:
        name: The model's input; where there is one entry and one input, it need not agree.
        kind: ``image`` or ``tokens``; the attributes of the other kind keep their defaults.
        size: Levels of the image size: pixels of a square, or ``48x64`` for height and width. Empty to leave sizes.
        layout: NCHW or NHWC, None for what the model's own shape says.
        colour: RGB, BGR or grey, None for what the model's channels say.
        resize: nearest, bilinear, bicubic, box or lanczos.
        antialias: Whether all old pixels under a new one count.
        padding: Keep proportions on a ground of this value; None to stretch.
        crop: Share of the largest middle part that is kept; None to cut nothing off.
        scale: Factor, before mean and std.
        mean: One number or one a channel, empty for none.
        std: Likewise.
        dtype: Numpy name of what the model is given.
        data_layout: Of arrays of images in the data: NHWC or NCHW.
        length: Levels of the sequence length; empty to leave lengths.
        pad: Stands for no token.
        side: Where padding is: right or left.
        truncate: Which end is cut off: right or left.
        mask: Name of the input that takes 1 for a token and 0 for padding; None without.
    """

    name: str
    kind: Literal["image", "tokens"]
    size: tuple[Size, ...] = ()
    layout: str | None = None
    colour: str | None = None
    resize: str = "bilinear"
    antialias: bool = True
    padding: float | None = None
    crop: float | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    dtype: str = "float32"
    data_layout: str = "NHWC"
    length: tuple[int, ...] = ()
    pad: float = 0
    side: str = "right"
    truncate: str = "right"
    mask: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("an input has a name, but got none")
        foreign = TOKEN_KEYS if self.kind == "image" else IMAGE_KEYS
        defaults = {field.name: field.default for field in fields(self)}
        mixed = [key for key in foreign if getattr(self, key) != defaults[key]]
        if mixed:
            raise ValueError(f"{mixed[0]} does not belong to {self.kind}; an input is an image or tokens, not both")
        for problem in self._problems():
            raise ValueError(problem)

    def _problems(self) -> list[str]:
        """Rules that hold between the attributes."""
        count = _CHANNELS.get(self.colour or "")
        found = {
            f"levels stand once each, but got {self.levels}": len(set(self.levels)) < len(self.levels),
            f"antialias: false goes with {', '.join(_PLAIN)}, but resize is {self.resize}": not self.antialias
            and self.resize not in _PLAIN,
            "padding and crop exclude each other: one keeps all of an image, the other cuts": self.padding is not None
            and self.crop is not None,
            "padding keeps proportions inside a size, but there is none; add size": self.padding is not None
            and not self.size,
            "an input's mask is another input, but got its own name": self.mask == self.name,
            "scale is a number other than 0": self.scale == 0 or not math.isfinite(self.scale),
            "std has no zeros": 0 in self.std,
        }
        for what, numbers in (("mean", self.mean), ("std", self.std)):
            wrong = count is not None and len(numbers) not in (0, 1, count)
            found[f"{what} has one number or one a channel ({count}), but got {len(numbers)}"] = wrong
        return [problem for problem, wrong in found.items() if wrong]

    @property
    def levels(self) -> tuple[Size, ...]:
        """Levels of the knob; empty where there is none."""
        return self.size or self.length

    @property
    def knob(self) -> str:
        """Name of the knob: ``image_size``, ``tokens_length``."""
        name = re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")[:50] or "input"
        return name + OF_INPUTS[self.kind]

    def level(self, knobs: Mapping[str, Any]) -> Any:
        """The level that knobs choose: theirs, else the first one; None where there are no levels."""
        return knobs.get(self.knob, self.levels[0] if self.levels else None)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: name, kind and what belongs to it."""
        keys = IMAGE_KEYS if self.kind == "image" else TOKEN_KEYS
        values = {name: value for name, value in asdict(self).items() if name in {"name", "kind", *keys}}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> InputSpec:
        """The inverse of ``to_json``.

        Raises:
            ValueError: The values contradict each other.
        """
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in form.items()
        }
        return cls(**values)


def sides_of(level: Size) -> tuple[int, int]:
    """Height and width of a level: 48, or 48x64.

    Raises:
        RuleError: It is neither, or out of range.
    """
    found = _SIZE.fullmatch(level) if isinstance(level, str) else None
    sides = (int(found[1]), int(found[2])) if found else (level, level)
    if not all(isinstance(side, int) and 1 <= side <= LONGEST_SIDE for side in sides):
        raise RuleError(f"takes pixels such as 48, or height x width such as 48x64, but got {shown(level)}")
    return int(sides[0]), int(sides[1])


def size_level(value: Size) -> Size:
    """A level as it is kept: a number where height and width agree.

    Raises:
        RuleError: It is no size.
    """
    height, width = sides_of(value)
    return height if height == width else f"{height}x{width}"


def length_level(value: int) -> int:
    """A level of the sequence length.

    Raises:
        RuleError: It is out of range.
    """
    if not 1 <= value <= LONGEST_LENGTH:
        raise RuleError(f"takes 1 to {LONGEST_LENGTH} items, but got {shown(value)}")
    return value


def factor(value: float | str) -> float:
    """A factor: a number, or a fraction such as ``1/255``.

    Raises:
        RuleError: It is neither, or 0.
    """
    if isinstance(value, str):
        parts = value.replace(" ", "").split("/")
        if not _FRACTION.fullmatch("/".join(parts)) or int(parts[1]) == 0:
            raise RuleError(f"takes a number or a fraction such as 1/255, but got {shown(value)}")
        value = float(Fraction(int(parts[0]), int(parts[1])))
    if value == 0:
        raise RuleError("takes a number other than 0, but got 0")
    return float(value)
