"""How long ``GET /health`` takes, measured from a process that does nothing else: `python health_probe.py URL`.

Asks until its input ends, then prints one line of JSON: the milliseconds of each answer, -1 for one that was not 200.
"""

import json
import sys
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from time import perf_counter
from urllib.parse import urlsplit

PAUSE_S = 0.02
ANSWER_S = 30.0


def main(url: str) -> None:
    """Ask, on a new connection each time as a service manager does, until nobody listens any longer."""
    ended = Event()

    def listen() -> None:
        sys.stdin.read()
        ended.set()

    Thread(target=listen, daemon=True).start()
    took_ms: list[float] = []
    while not ended.wait(PAUSE_S):
        begun = perf_counter()
        is_well = _is_well(urlsplit(url).netloc)
        took_ms.append((perf_counter() - begun) * 1e3 if is_well else -1.0)
    print(json.dumps(took_ms))


def _is_well(host: str) -> bool:
    connection = HTTPConnection(host, timeout=ANSWER_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return False
    else:
        return answer.status == 200  # noqa: PLR2004
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
