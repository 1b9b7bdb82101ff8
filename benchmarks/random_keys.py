"""Row ``random-keys``: random and mutated keys against the demo, each answer checked."""

from random import Random
from time import monotonic

from benchmarks.endurance import endure, secrets, show
from benchmarks.invariants import Context, breaches, twin_breaches
from benchmarks.keys import read_known
from benchmarks.mutations import random_request
from benchmarks.servers import demo
from benchmarks.tally import Tally
from benchmarks.wire import Request, Wire, WireError


def run(budget_s: float, seed: int) -> Tally:
    """Ask for keys until the budget is used up, then see whether the server is as it was, and ends as it should."""
    end = monotonic() + budget_s
    tally = Tally()
    with demo() as server:
        with Wire(server.url) as wire:
            known = read_known(wire)
        context = Context(known, secrets(server))

        def ask(wire: Wire, random: Random, tally: Tally) -> None:
            _ask_one(wire, random_request(random, context.known), context, tally)

        endure(server, ask, tally, until=end, seed=seed)
    return tally


def _ask_one(wire: Wire, request: Request, context: Context, tally: Tally) -> None:
    """Send a request, a HEAD followed by the same as GET, and count what is wrong."""
    requests = [request, request.as_whole_get()] if request.method == "HEAD" else [request]
    answers = []
    for one in requests:
        try:
            answer = wire.ask(one)
        except WireError as error:
            tally.answered("none")
            tally.failed(f"{show(one)}: {error}")
            return
        tally.answered(str(answer.status))
        answers.append(answer)
        for breach in breaches(one, answer, context):
            tally.failed(f"{show(one)}: {answer.status} {answer.media_type}, {breach}")
    if len(answers) > 1 and twin_breaches(*answers):
        again = wire.ask(request)  # a page may have come to say more between the two
        for breach in twin_breaches(again, answers[1]):
            tally.failed(f"{show(request)}: {breach}")
