"""What a function prints, bounded, and as text that does nothing to a terminal."""

import re

LOG_NBYTES = 2**16

_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?", re.DOTALL)
"""Of a terminal: colours, titles, moves."""
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Log:
    """The last `LOG_NBYTES` of what was printed."""

    def __init__(self) -> None:
        self._data, self._is_cut = bytearray(), False

    def add(self, data: bytes) -> None:
        """Add what was read."""
        self._data += data
        if len(self._data) > 2 * LOG_NBYTES:
            self._cut()

    def take(self) -> tuple[str, bool]:
        """Return what is there, and whether more was; begin anew."""
        self._cut()
        taken = clean(self._data.decode(errors="replace")), self._is_cut
        self._data, self._is_cut = bytearray(), False
        return taken

    def _cut(self) -> None:
        if len(self._data) > LOG_NBYTES:
            del self._data[:-LOG_NBYTES]
            self._is_cut = True


def clean(text: str) -> str:
    r"""Return a text without what a terminal would obey, and without what is no character.

    >>> clean("\x1b[31mred\x1b[0m\r\n50%\r100%\x07")
    'red\n50%\n100%'
    """
    lines = _SEQUENCE.sub("", text.encode(errors="replace").decode()).replace("\r\n", "\n").replace("\r", "\n")
    return lines.translate(_CONTROLS)
