"""TC66 and TC66C: the cipher and the bytes, and the driver against the emulated instrument."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.framing import Framer
from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.meters.tc66 import Tc66, crc16, deciphered, parse_reading, sound_reading
from autoedge.meters.trace import Counts
from autoedge.testing.emulators.tc66 import Tc66Emulator, answer
from autoedge.testing.faults import Faults
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter

CAPTURED = bytes.fromhex(
    "006630928cdbb01e307647693bac80b012a60ec3c8645b9af0ead3c57ae5a062"
    "8f330593ff8f836a2a36d60f8709fc4fc5ec277ef1b0dbb4815a9497d8646eb2"
    "06f404f8061c1177e994f37dfc6f4dab07385ea4d05c1e32616e88527b57d310"
    "6babf8c170d31db582db234384fa559313e92b412f6af4e16e09168c608fba0a"
    "4231f411e56f5c203c590b4a68fd5b092aca6ec4a4554d5542e8674b097e259c"
    "2aca6ec4a4554d5542e8674b097e259ce09c4004c92da948c3165eebdb8b9ec2"
)
SYNTHETIC = bytes.fromhex(
    "406dd78a881bf3f7db1145a60d4f02b02aca6ec4a4554d5542e8674b097e259c"
    "c6a622be11d48b6150d9c420a366dd2c038187417ea9b959ce9511b2d0d5f946"
    "8d7037a55a5f663f975aed00996531334ae4b986a250b8ddfb2451ce311e2030"
    "55f696f5576804363a16cb34e9b77ba0123591e204d1bfb9c29b5b8747ae4820"
    "4231f411e56f5c203c590b4a68fd5b092aca6ec4a4554d5542e8674b097e259c"
    "2aca6ec4a4554d5542e8674b097e259ce09c4004c92da948c3165eebdb8b9ec2"
)
SPEED = 4.0


def quick(port: str) -> Tc66:
    """A meter that polls as much faster as the emulator answers."""
    meter = Tc66(port=port)
    meter.poll_period_s /= SPEED
    return meter


class TestTc66(MeterContract):
    """The contract of every serial meter."""

    speed = SPEED

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[Tc66Emulator, Callable[[str], Meter]]:
        """An emulated TC66."""
        return Tc66Emulator(profile, faults=faults, speed=SPEED), quick


def test_the_captured_answer() -> None:
    """A real instrument's answer deciphers to what its owner recorded, with three right checksums."""
    plain = deciphered(CAPTURED)
    assert sound_reading(plain)
    assert parse_reading(plain) == ("TC66", "1.18", 48724, 5.1609, 0.01990, 0.1026)
    assert [int.from_bytes(plain[end - 4 : end], "little") for end in (64, 128, 192)] == [0x77BE, 0x816A, 0x0528]


def test_the_synthetic_answer() -> None:
    """The published synthetic answer is read, and the emulator makes the same 192 bytes."""
    plain = deciphered(SYNTHETIC)
    assert sound_reading(plain)
    assert parse_reading(plain) == ("TC66", "1.14", 4660, 5.1234, 0.65432, 3.3523)
    made = answer(volts=5.1234, amps=0.65432, watts=3.3523, ohms=78.3, charges=(12, 61, 0, 0), celsius=-5)
    assert made == SYNTHETIC


@pytest.mark.parametrize(
    ("plain", "enciphered"),
    [
        (bytes(16), "2aca6ec4a4554d5542e8674b097e259c"),
        (b"pac3" + bytes(12), "4231f411e56f5c203c590b4a68fd5b09"),
        (bytes(12) + bytes.fromhex("28050000"), "e09c4004c92da948c3165eebdb8b9ec2"),
    ],
)
def test_known_blocks(plain: bytes, enciphered: str) -> None:
    """Single blocks decipher to their known plain text."""
    assert deciphered(bytes.fromhex(enciphered)) == plain


def test_the_checksum() -> None:
    """CRC-16/MODBUS of its check string, and of an empty third part."""
    assert crc16(b"123456789") == 0x4B37
    assert crc16(b"pac3".ljust(60, b"\0")) == 0x0528


def test_the_bare_word_is_sent() -> None:
    """The driver asks ``query`` once and then ``getva``, without line ends, and nothing else."""
    with Tc66Emulator(Constant(2.0), speed=SPEED) as instrument:
        with quick(instrument.path) as meter:
            meter.read(0.3)
        assert instrument.received.startswith(b"query")
        assert not instrument.received.removeprefix(b"query").replace(b"getva", b"")


def test_the_emulator_takes_line_ends() -> None:
    """Words with a line end behind them, as some programs send them, are answered too."""
    with Tc66Emulator(Constant(2.0), speed=SPEED) as instrument, quick(instrument.path) as meter:
        meter.question = b"getva\r\n"
        assert len(meter.read(0.4).power_w) > 2


def test_the_boot_loader_is_told() -> None:
    """A meter that waits for new firmware is refused by that name, and is never sent ``update``."""
    with Tc66Emulator(Constant(2.0), mode="boot", speed=SPEED) as instrument:
        with pytest.raises(MeterError, match="boot loader"), quick(instrument.path):
            pass
        assert b"update" not in instrument.received


def test_another_key_is_told() -> None:
    """Answers that do not decipher are no values."""
    with (
        Tc66Emulator(Constant(2.0), key=bytes(32), speed=SPEED) as instrument,
        pytest.raises(MeterError, match="something else came"),
        quick(instrument.path),
    ):
        pass


def test_the_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cryptography the message says what to install, before anything is asked."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with Tc66Emulator(Constant(2.0), speed=SPEED) as instrument:
        with pytest.raises(MeterError, match=r"pip install 'autoedge\[tc66\]'"), quick(instrument.path):
            pass
        assert not instrument.received


def test_it_is_found_by_its_vendor() -> None:
    """Ports with the vendor's number are offered, others are not."""
    ports = [
        SerialPort("/dev/ttyACM0", 0x28E9, 0x018A, "", "1-1", ""),
        SerialPort("/dev/ttyACM1", 0x1915, 0xC00A, "PPK2", "1-2:1.1", ""),
    ]
    assert Tc66.find(Surroundings(ports=lambda: ports)) == [{"port": "/dev/ttyACM0"}]


def test_answers_that_always_come_too_late_are_told() -> None:
    """A meter whose every answer takes over 0.2 s, a time at which its value may have changed twice, is refused."""
    with (
        Tc66Emulator(Constant(2.0), faults=Faults(every=1, delay_s=0.25), speed=SPEED) as instrument,
        pytest.raises(MeterError, match=r"there is no TC66: its answers come too late: after 0\.[23]"),
        quick(instrument.path),
    ):
        pass


@given(st.binary(max_size=60), st.integers(0, 191), st.integers(1, 255), st.integers(1, 191))
def test_a_changed_byte_is_noticed(noise: bytes, place: int, change: int, cut: int) -> None:
    """One altered byte never becomes a value, and whole answers around it are found however they are cut."""
    bad = CAPTURED[:place] + bytes([CAPTURED[place] ^ change]) + CAPTURED[place + 1 :]
    stream = SYNTHETIC + bad + noise + SYNTHETIC + SYNTHETIC[:cut]
    framer, counts = Framer(Tc66.layout), Counts()
    pieces = [stream[start : start + cut] for start in range(0, len(stream), cut)]
    found = [frame for piece in pieces for frame in framer.feed(piece, counts)]
    assert found == [SYNTHETIC, SYNTHETIC]
    assert counts.checksum_errors + counts.garbage_bytes > 0
