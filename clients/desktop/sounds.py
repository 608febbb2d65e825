"""Sounds: two, which are told apart without looking.

They are made here and played by the program that the machine has for it; one without such a program beeps.
"""

import math
import shutil
import subprocess
import tempfile
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QApplication

RATE_HZ = 22_050
# Tones as (Hz, seconds)
ASKED = ((660.0, 0.12), (880.0, 0.20))
WRONG = ((220.0, 0.16), (165.0, 0.34))
# Each plays the file that is its last word, and ends.
PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"), ("afplay",))
_RAMP_S = 0.01
_LOUDNESS = 0.5


def samples(tones: Sequence[tuple[float, float]]) -> "array[int]":
    """Tones as 16 bit samples; each swells and fades, so that nothing clicks."""
    made = array("h")
    for pitch_hz, length_s in tones:
        count = int(length_s * RATE_HZ)
        ramp = int(_RAMP_S * RATE_HZ)
        for at in range(count):
            swell = min(at, count - at, ramp) / ramp
            made.append(int(32_767 * _LOUDNESS * swell * math.sin(2 * math.pi * pitch_hz * at / RATE_HZ)))
    return made


class Sounds:
    """Plays without waiting; a sound that still sounds is not played over itself."""

    def __init__(self) -> None:
        self._player = next(
            ([found, *words[1:]] for words in PLAYERS if (found := shutil.which(words[0]))), []
        )
        self._folder = tempfile.TemporaryDirectory(prefix="kasir-sounds-") if self._player else None
        self._playing: subprocess.Popen[bytes] | None = None

    def asked(self) -> None:
        """Something is asked for."""
        self._play("asked", ASKED)

    def wrong(self) -> None:
        """What was scanned is not what is wanted."""
        self._play("wrong", WRONG)

    def close(self) -> None:
        """Ends what sounds."""
        if self._playing is not None:
            self._playing.kill()
            self._playing.wait()
        if self._folder is not None:
            self._folder.cleanup()

    def _play(self, name: str, tones: Sequence[tuple[float, float]]) -> None:
        if self._folder is None:
            QApplication.beep()
            return
        if self._playing is not None and self._playing.poll() is None:
            return
        path = Path(self._folder.name) / f"{name}.wav"
        if not path.exists():
            _write(path, samples(tones))
        quiet = subprocess.DEVNULL
        try:
            self._playing = subprocess.Popen([*self._player, path], stdin=quiet, stdout=quiet, stderr=quiet)
        except OSError:
            QApplication.beep()


def _write(path: Path, data: "array[int]") -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(data.tobytes())
