"""How many requests are begun in one turn of the event loop, and in which order."""

import asyncio
from collections import Counter
from typing import Any

from cloudify.http.in_turn import AT_ONCE, BEGUN, InTurn

MANY = 5 * BEGUN + 3


class Loop:
    """Counts the turns of a loop, and notes in which a request was begun."""

    def __init__(self) -> None:
        self.turn = 0
        self.begun: list[tuple[int, str]] = []
        self._ends = False

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.begun.append((self.turn, scope["path"]))

    def count(self) -> None:
        self.turn += 1
        if not self._ends:
            asyncio.get_running_loop().call_soon(self.count)

    def end(self) -> None:
        self._ends = True


def begun(paths: list[str], *, leaving: frozenset[int] = frozenset()) -> list[tuple[int, str]]:
    """Ask for all at once; those of the numbers in `leaving` go before their turn has come."""

    async def ask() -> list[tuple[int, str]]:
        loop = Loop()
        layer: Any = InTurn(loop)
        loop.count()
        tasks = [asyncio.create_task(layer({"type": "http", "path": path}, None, None)) for path in paths]
        await asyncio.sleep(0)
        for number in leaving:
            tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.end()
        return loop.begun

    return asyncio.run(ask())


def test_a_turn_of_the_loop_begins_no_more_than_so_many_each_in_its_order() -> None:
    paths = [f"/{number}" for number in range(MANY)]
    found = begun(paths)
    assert [path for _, path in found] == paths
    assert max(Counter(turn for turn, _ in found).values()) == BEGUN
    assert len({turn for turn, _ in found}) == 6


def test_who_asks_whether_the_server_lives_is_not_kept_waiting() -> None:
    for path in AT_ONCE:
        found = begun([*(f"/{number}" for number in range(MANY)), path])
        turns = {name: turn for turn, name in found}
        assert turns[path] == turns["/0"]


def test_few_requests_are_begun_at_once() -> None:
    found = begun([f"/{number}" for number in range(BEGUN)])
    assert len({turn for turn, _ in found}) == 1


def test_who_leaves_takes_no_turn_from_the_others() -> None:
    gone = frozenset(range(BEGUN, 3 * BEGUN))
    found = begun([f"/{number}" for number in range(MANY)], leaving=gone)
    assert [path for _, path in found] == [f"/{number}" for number in range(MANY) if number not in gone]
    assert len({turn for turn, _ in found}) == 1 + 3


def test_a_later_burst_is_begun_in_the_same_way() -> None:
    """Nothing of the first is left: neither places in a turn, nor a turn that never ends."""

    async def ask() -> list[int]:
        loop = Loop()
        layer: Any = InTurn(loop)
        most = []
        loop.count()
        for _ in range(3):
            loop.begun.clear()
            await asyncio.gather(*(layer({"type": "http", "path": "/"}, None, None) for _ in range(MANY)))
            most.append(max(Counter(turn for turn, _ in loop.begun).values()))
            for _ in range(5):
                await asyncio.sleep(0)
        loop.end()
        return most

    assert asyncio.run(ask()) == [BEGUN] * 3
