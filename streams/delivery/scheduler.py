"""What goes to MoEngage when: requests over many customers, in order for each of them. Pure.

A customer with something on its way is busy; what comes for a busy customer waits behind it. So
several requests can be out at once, whatever becomes of each:

    fresh ─┬─▶ request ─▶ out ─▶ taken, or refused alone and put away: its customers are free again
    freed ─┘     ▲         │
                parts ◀────┤ too large, or something in it is bad: halves
                held ◀─────┘ a passing fault: after a back-off, the same again
    behind: what waits for a busy customer; comes to ``freed`` once that one is free

Everything that is older goes first: parts, then what was freed, then what is fresh. Times are seconds of
any clock that does not go back.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable
from math import inf

from moengage.answers import Answer, Verdict
from moengage.bodies import FRAME_BYTES, SEPARATOR_BYTES
from moengage.fair_use import FairUse
from moengage.retry import DEFAULT_POLICY, RetryPolicy
from moengage.workspace import Workspace
from streams.chunks import Chunk, Place
from streams.delivery.element import Element
from streams.delivery.parking import Parking
from streams.delivery.requests import Batch, Call, Limits, Request, Settled
from streams.waiting import ATTEMPT_S, BRAKED, BUDGET, FAIR_USE, IN_PARTS, MOENGAGE

_TOGETHER: frozenset[Call] = frozenset({"bulk", "park"})

#: After so many passing faults a request is taken apart, if others were taken meanwhile.
_APART_AFTER = 3


_NOTHING = Settled()


class Scheduler:
    """The elements in hand for one workspace."""

    def __init__(
        self,
        limits: Limits,
        workspace: Workspace,
        fair_use: FairUse,
        parking: Parking,
        policy: RetryPolicy = DEFAULT_POLICY,
    ) -> None:
        self.workspace = workspace
        self.parking = parking
        self._limits = limits
        self._fair_use = fair_use
        self._policy = policy
        self.clear()

    def clear(self) -> None:
        """Forget all elements; what is known of the workspace stays."""
        self._fresh: deque[Element] = deque()
        self._freed: deque[Element] = deque()
        self._bytes = 0  # of both, with what stands between two
        self._busy: set[str] = set()
        self._behind: dict[str, deque[Element]] = {}
        self._parts: deque[Request] = deque()
        self._held: list[tuple[float, int, Request]] = []
        self._resting: list[tuple[float, str]] = []  # customers that had as much as is fair
        self._batches = 0  # with parts
        self._taken = 0
        self._sequence = 0
        self._sent: set[Request] = set()
        #: When ``next`` may have something though nothing happened; infinity for never.
        self.wakes_at = inf
        #: Send nothing more: what is out is the last.
        self.draining = False

    @property
    def out(self) -> int:
        """Requests that are out."""
        return len(self._sent)

    def add(self, element: Element) -> None:
        """Take an element in, behind all that came before."""
        self._fresh.append(element)
        self._bytes += len(element.body) + SEPARATOR_BYTES

    def next(self, now: float) -> Request | None:
        """The next request to send at once; None where there is none, until ``wakes_at`` or an answer."""
        self.wakes_at = inf
        if self.draining or self.out >= self._limits.in_flight:
            return None
        self._wake(now)
        opens_at = self.workspace.opens_at(now, self.out)
        if opens_at > now:
            self._later(opens_at)
            return None
        request = self._part(now) if self._parts else None
        if request is None and (not self._parts or self._braked):
            request = self._whole(now)
        if request is None:
            for waiting in (self._held, self._resting):
                if waiting:
                    self._later(waiting[0][0])
            return None
        request.since = now
        self._sent.add(request)
        if request.is_moengages:
            self.workspace.sends(request.users, request.events, now)
        return request

    def answered(self, request: Request, answer: Answer, now: float, random: float) -> Settled:
        """What MoEngage said to a request; ``random`` is from 0 to 1.

        What is taken is settled. What is refused is, once ``put_away`` was called for it.
        """
        self._sent.discard(request)
        request.since = now
        self.workspace.hears(answer, request.users, request.events, now, random)
        if answer.verdict is Verdict.ACCEPTED:
            self._taken += 1
            if request.call == "bulk":
                self.workspace.brake.accepted(len(request.elements))
            self._end(request)
            return Settled(taken=request.elements)
        for element in request.elements:
            element.attempts += 1
            element.first = element.first or answer
        match answer.verdict:
            case Verdict.AGAIN:
                return self._failed(request, now, random)
            case Verdict.WAIT | Verdict.PAUSE:
                self._parts.appendleft(request)
                return _NOTHING
            case _ if len(request.elements) > 1:
                self._split(request, now)
                return _NOTHING
            case _:
                return self._refused(request, now)

    def published(self, request: Request) -> None:
        """A request that was no call of MoEngage's is done."""
        self._sent.discard(request)
        self._end(request)

    def leave_out(self, request: Request, void: Collection[Chunk]) -> bool:
        """Elements of void chunks are somebody else's now; whether any other is left to send."""
        gone = [element for element in request.elements if element.chunk in void]
        request.elements = [element for element in request.elements if element.chunk not in void]
        left = {element.customer for element in request.elements}
        for element in gone:
            if element.customer not in left:
                self._free(element.customer)
        if not request.elements:
            self.published(request)
        return bool(request.elements)

    def put_away(self, element: Element) -> None:
        """A refused element is among the dead letters: its customer's later ones may go on."""
        self._free(element.customer)

    def waiting(self, now: float) -> dict[Place, str]:
        """For what known reasons elements wait, by partition (streams.waiting).

        A reason counts until it should have ended, and for one attempt more.
        """
        waits: dict[Place, str] = {}

        def wait(elements: Iterable[Element], reason: str, until: float) -> None:
            if now < until + ATTEMPT_S:
                for element in elements:
                    waits.setdefault(element.chunk.place, reason)

        for at, _, request in self._held:
            wait(request.elements, MOENGAGE[Verdict.AGAIN], at)
        for request in self._sent:
            if request.failures:
                wait(request.elements, MOENGAGE[Verdict.AGAIN], request.since)
        for request in (*self._sent, *self._parts):
            if request.batch.apart:
                wait(request.elements, IN_PARTS, request.since)
        for at, customer in self._resting:
            wait(self._behind.get(customer, ()), FAIR_USE, at)
        if whole := self._for_all(now):
            wait(self._all(), *whole)
        return waits

    # -- what to send ---------------------------------------------------------------------------

    @property
    def _braked(self) -> bool:
        return self.workspace.brake.tries_at is not None

    def _for_all(self, now: float) -> tuple[str, float] | None:
        """What holds up everything, and until when; None: nothing does."""
        workspace = self.workspace
        until = max([workspace.closed_until, *(request.since for request in self._sent)])
        if workspace.paused is not None:
            return MOENGAGE[Verdict.PAUSE], until
        if self._braked:
            return BRAKED, until
        if workspace.closed_until > now:
            return MOENGAGE[Verdict.WAIT], workspace.closed_until
        if self._batches >= self._limits.in_flight:
            failing = [at for at, _, _ in self._held]
            failing += [request.since for request in self._sent if request.failures]
            if failing:
                return MOENGAGE[Verdict.AGAIN], max(failing)
        ready_at = max(workspace.users.ready_at(now), workspace.events.ready_at(now))
        return (BUDGET, ready_at) if ready_at > now else None

    def _all(self) -> Iterable[Element]:
        """Every element in hand."""
        yield from self._fresh
        yield from self._freed
        for behind in self._behind.values():
            yield from behind
        for request in (*self._sent, *self._parts, *(held for _, _, held in self._held)):
            yield from request.elements

    def _later(self, at: float) -> None:
        self.wakes_at = min(self.wakes_at, at)

    def _wake(self, now: float) -> None:
        """What waited for a time that has come: requests after a back-off, customers after a rest."""
        while self._held and self._held[0][0] <= now:
            self._parts.append(heapq.heappop(self._held)[2])
        while self._resting and self._resting[0][0] <= now:
            self._free(heapq.heappop(self._resting)[1])

    def _part(self, now: float) -> Request | None:
        """What was out before, if there is budget for it."""
        number = 0
        if self._braked:
            # Every try is another request, so that one that is bad for good does not keep it applied.
            untried = (number for number, part in enumerate(self._parts) if not part.kept)
            number = next(untried, -1)
            if number < 0:
                if self._freed or self._fresh:
                    return None
                for part in self._parts:
                    part.kept = False
                number = 0
        request = self._parts[number]
        users, events = self.workspace.users.ready_at(now), self.workspace.events.ready_at(now)
        ready_at = max(users if request.users else now, events if request.events else now)
        if ready_at > now:
            self._later(ready_at)
            return None
        del self._parts[number]
        return request

    def _whole(self, now: float) -> Request | None:
        """A new request of what waits, if that is enough, or some of it waited for long enough."""
        limits = self._limits
        if self._batches >= limits.in_flight:
            return None
        first = self._freed[0] if self._freed else self._fresh[0] if self._fresh else None
        if first is None:
            return None
        size = FRAME_BYTES - SEPARATOR_BYTES + self._bytes
        if len(self._freed) + len(self._fresh) < limits.max_elements and size < limits.max_bytes:
            due = first.added_at + limits.linger_s
            if due > now:
                self._later(due)
                return None
        return self._gather(now)

    def _gather(self, now: float) -> Request | None:
        """Elements of customers that are not busy, oldest first, up to the limits of a request."""
        limits, parking, workspace = self._limits, self.parking, self.workspace
        chosen: list[Element] = []
        mine: set[str] = set()
        call: Call = "bulk"
        size = FRAME_BYTES - SEPARATOR_BYTES
        users_at, events_at = workspace.users.ready_at(now), workspace.events.ready_at(now)
        while len(chosen) < limits.max_elements and (queue := self._idle()) is not None:
            element = queue[0]
            customer = element.customer
            wanted = _call(element, parking)
            grown = size + len(element.body) + SEPARATOR_BYTES
            if chosen and (wanted != call or call not in _TOGETHER or grown > limits.max_bytes):
                break
            if wanted in ("bulk", "merge", "delete"):
                ready_at = events_at if element.kind == "event" else users_at
                if ready_at > now:
                    self._later(ready_at)
                    break
                if not self._fair_use.allows(customer, now):
                    self._stay_behind(queue)
                    if customer not in mine:  # else what is chosen of it frees it, and it is asked again
                        self._busy.add(customer)
                        heapq.heappush(self._resting, (self._fair_use.free_at(customer, now), customer))
                    continue
            call, size = wanted, grown
            self._bytes -= len(element.body) + SEPARATOR_BYTES
            chosen.append(queue.popleft())
            mine.add(customer)
        if not chosen:
            return None
        self._busy |= mine
        self._batches += 1
        return Request(call, chosen, Batch())

    def _idle(self) -> deque[Element] | None:
        """The queue whose first element is the oldest of a customer that is not busy."""
        for queue in (self._freed, self._fresh):
            while queue:
                if queue[0].customer not in self._busy:
                    return queue
                self._stay_behind(queue)
        return None

    def _stay_behind(self, queue: deque[Element]) -> None:
        element = queue.popleft()
        self._bytes -= len(element.body) + SEPARATOR_BYTES
        behind = self._behind.get(element.customer)
        if behind is None:
            behind = self._behind[element.customer] = deque()
        behind.append(element)

    # -- what became of it ----------------------------------------------------------------------

    def _failed(self, request: Request, now: float, random: float) -> Settled:
        if not request.failures:
            request.taken_before = self._taken
        request.failures += 1
        if self._taken > request.taken_before:  # it is not that nothing is taken
            if len(request.elements) > 1 and request.failures >= _APART_AFTER:
                self._split(request, now)
                return _NOTHING
            if len(request.elements) == 1:
                self._leave_batch(request)
                request.alone = True
                if 0 < self._limits.max_attempts <= request.elements[0].attempts:
                    return self._refused(request, now)
        at = now + self._policy.backoff_s(request.failures, random)
        self._sequence += 1
        heapq.heappush(self._held, (at, self._sequence, request))
        return _NOTHING

    def _refused(self, request: Request, now: float) -> Settled:
        self._leave_batch(request)
        if request.call == "bulk" and self.workspace.brake.refused(now):
            request.alone = request.kept = True
            self._parts.append(request)
            return _NOTHING
        return Settled(refused=request.elements[0])

    def _split(self, request: Request, now: float) -> None:
        """Halves, to be sent at once; of the second only whoever is not in the first, too."""
        half = len(request.elements) // 2
        left, right = request.elements[:half], request.elements[half:]
        first = {element.customer for element in left}
        apart = [element for element in right if element.customer not in first]
        for element in reversed(right):
            if element.customer in first:
                self._behind.setdefault(element.customer, deque()).appendleft(element)
        halves = [Request(request.call, part, request.batch) for part in (left, apart) if part]
        for part in halves:
            # Where it failed, a half that fails goes apart too.
            part.failures = max(0, request.failures - 1)
            part.taken_before = self._taken
            part.since = now
        request.batch.apart = True
        request.batch.parts += len(halves) - 1
        self._parts.extendleft(reversed(halves))

    def _end(self, request: Request) -> None:
        self._leave_batch(request)
        for element in reversed(request.elements):
            self._free(element.customer)

    def _leave_batch(self, request: Request) -> None:
        if request.alone:
            return
        request.batch.parts -= 1
        if not request.batch.parts:
            self._batches -= 1

    def _free(self, customer: str) -> None:
        self._busy.discard(customer)
        behind = self._behind.pop(customer, None)
        if behind:
            # In front: later ones of this customer may be left in there by a request that was full.
            self._freed.extendleft(reversed(behind))
            self._bytes += sum(len(element.body) + SEPARATOR_BYTES for element in behind)


def _call(element: Element, parking: Parking) -> Call:
    if parking and parking.stops(element):
        return "park"
    if element.kind == "user" or element.kind == "event":
        return "bulk"
    return "pass_on" if element.then else element.kind
