"""RDTech TC66 and TC66C: USB-C meters whose answers are enciphered with a key that everybody knows."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.errors import MeterError
from autoedge.meters.framed import AskedMeter, Sample
from autoedge.meters.framing import Layout
from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from autoedge.meters.link import SerialLink
    from autoedge.meters.surroundings import Surroundings

KEY = bytes.fromhex("5821fa5601b2f02687ff1204622a4fb086f40260816f9a0ba7f106619ab87288")
"""AES-256, the same in every instrument."""
_SIZE, _PART, _CIPHER_BLOCK = 192, 64, 16
_VENDOR = 0x28E9
_LIMIT_A = 5.0
_ASK_S, _ASKS = 0.3, 4


class Tc66Reading(NamedTuple):
    """What is used of an answer.

    Attributes:
        product: ``TC66``.
        firmware: Its version.
        serial: Serial number.
        volts: V.
        amps: A, without direction.
        watts: W.
    """

    product: str
    firmware: str
    serial: int
    volts: float
    amps: float
    watts: float


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 0x8005 reflected, initial value 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def deciphered(data: bytes) -> bytes:
    """Whole blocks of 16 bytes in plain.

    Raises:
        MeterError: The package that deciphers is missing.
    """
    plain: bytes = _cipher().decryptor().update(data)
    return plain


def parse_reading(plain: bytes) -> Tc66Reading:
    """What 192 deciphered bytes say.

    Source: libsigrok, src/hardware/rdtech-tc/protocol.c; rd-usb, interfaces/tc.py.
    """
    product, firmware, serial = struct.unpack_from("<4s4sI", plain, 4)
    volts, amps, watts = struct.unpack_from("<III", plain, 48)
    return Tc66Reading(_text(product), _text(firmware), serial, volts / 10_000, amps / 100_000, watts / 10_000)


def sound_reading(plain: bytes) -> bool:
    """Whether each of the three parts of a deciphered answer has its name and its checksum."""
    parts = [plain[start : start + _PART] for start in range(0, _SIZE, _PART)]
    return all(
        part[:4] == b"pac%d" % number and crc16(part[:60]) == int.from_bytes(part[60:], "little")
        for number, part in enumerate(parts, 1)
    )


def _text(raw: bytes) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in raw.decode("ascii", "replace"))


def _cipher() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import ECB
    except ImportError as error:
        message = "the TC66 enciphers its readings, and deciphering them needs a package: pip install 'autoedge[tc66]'"
        raise MeterError(message) from error
    return Cipher(AES(KEY), ECB())  # noqa: S305 - the instrument's choice


class Tc66(AskedMeter):
    """A TC66 or TC66C on its USB port.

    Args:
        port: Device file, often ``/dev/ttyACM0``.
    """

    label = "TC66"
    baud = 115200
    layout = Layout(
        _SIZE,
        _CIPHER_BLOCK,
        lambda head: deciphered(head)[:4] == b"pac1",
        lambda frame: sound_reading(deciphered(frame)),
    )
    question = b"getva"
    poll_period_s = 0.1
    answer_s = 0.2

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Ports with the vendor's number, which other devices with the same controller share."""
        return [{"port": port.device} for port in around.ports() if port.vid == _VENDOR]

    def _greet(self, link: SerialLink) -> None:
        deciphered(b"")  # says now what is missing
        heard = b""
        for _ in range(_ASKS):
            link.drain()
            link.write(b"query")
            deadline = time.perf_counter() + _ASK_S
            heard = b""
            while b"firm" not in heard and (left := deadline - time.perf_counter()) > 0:
                heard += link.read(left)
                if b"boot" in heard:
                    message = "the TC66 is in its boot loader; unplug it, and plug it in without pressing a button"
                    raise MeterError(f"{link.port}: {message}")
            if b"firm" in heard:
                return
        other = "something else came" if heard else "nothing came"
        raise MeterError(f"{link.port}: there is no TC66: {other}; check that this is its port")

    def _identify(self, frame: bytes) -> MeterSpec:
        reading = parse_reading(deciphered(frame))
        return MeterSpec(
            name="tc66",
            scope="board-input",
            update_period_s=0.1,
            settling_s=0.5,
            resolution_w=0.0001,
            gain=0.0015,
            offset_w=0.001,
            model=f"RDTech {reading.product} {reading.firmware} no. {reading.serial}",
            accuracy_from="UNCONFIRMED: the vendor's figures as quoted second hand",
        )

    def _sample(self, frame: bytes) -> Sample:
        reading = parse_reading(deciphered(frame))
        self.counts.overloads += reading.amps >= _LIMIT_A
        return Sample(reading.watts, reading.volts, reading.amps)
