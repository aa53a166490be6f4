"""Places that light again and again, or stay lit, are pixels at fault, not sources of particles.

The server of CREDO refuses the third detection at one place of one device for ever, which after
years refuses real hits. Here it is the rate that counts, against the sensor's own: a place is the
pixels within one of the first that was brightest there, and each of its lightings counts once, for
however long it stays lit. Three rules make a place hot:

quick
    `count` lightings (3) within `window_ns` (180 s), unless chance makes so many in one hit of a
    thousand: a pixel that lights at least once a minute gives two hits. Real hits that fall on one
    place by chance are lost: with n hits a window on A pixels about (9 n / A)^2 / 2 of all. That is
    4e-7 at 10 hits a minute on 640 x 480, 2e-4 at 60 a minute on 320 x 240, hardly more anywhere.
Poisson
    k lightings in a time T are hot when the chance of k - 1 further hits in T, times the number of
    trials (places seen so far, times tests made at this one), is below 1e-6. It is tried over the
    last 2 to 8 lightings and over all of them, on the 9 pixels and on the one. On 640 x 480 with 10
    hits a minute a pixel that lights every 10 min, 1 h, 6 h gives 3, 5, 8 hits; where hits are as
    rare as muons on 0.1 cm2 it gives 2, 2, 3.
telegraph
    What stayed lit for longer than the hold allows, in one or two pixels, switched: a random
    telegraph pixel. So did a lone pixel that stayed at one level for two or three frames. On a
    sensor that has shown such pixels, one whose step is close to the threshold flickers: a lone
    pixel's second lighting is one where chance makes it in fewer than one of 10,000.

A hot place is refused until it heals: quiet for longer than an hour, than ten of its mean intervals
and than it was restless (a day at most). One that healed is hot again with the second lighting
within an hour. Where no more than one or two pixels lit, and the brightest was the same six times
and never another, only that pixel is refused, else the nine. What lights at a telegraph pixel and
is much larger than one is a particle across it, and passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.detection import Candidate
from edge.stages.poisson import at_least
from edge.stages.rate import PixelRate

HOT_PIXEL = "hot_pixel"
TELEGRAPH = "telegraph"

SPREAD_PX = 10
"""A hot pixel that lights several pixels each time spreads, by demosaicking, JPEG or charge: what
lights so near to it is not believed either. (The server of CREDO takes 5 px, for ever.)"""

_LEAST_WIDE = 2
_AREA_PX = 9
_QUICK_CHANCE = 1e-3
_FLICKER_CHANCE = 1e-4
_CHANCE = 1e-6
_MOST_RECENT = 8
_QUIET_NS = 3_600_000_000_000
_QUIET_INTERVALS = 10
_LONGEST_QUIET_NS = 24 * _QUIET_NS
_SURELY_ONE = 6
_MOST_LONE_PX = 2
_LEAST_SPAN_NS = 10_000_000
_MOST_PLACES = 100_000
_ROW = 1 << 20


@dataclass(slots=True, eq=False)
class _Place:
    """Lightings of a place that lit more than once, or is hot."""

    first_ns: int
    last_ns: int
    count: int = 1
    centred: int = 1
    tests: int = 0
    recent: list[tuple[int, int]] = field(default_factory=list)  # time, brightest pixel
    reason: str | None = None
    was_hot: bool = False
    most_px: int = 0
    wide: int = 0
    sure: bool = False

    @property
    def single(self) -> bool:
        """Whether it is that one pixel."""
        if self.reason == TELEGRAPH:
            return True
        lone = self.centred == self.count >= _SURELY_ONE
        return lone and self.most_px <= _MOST_LONE_PX

    def light(self, now_ns: int, pixel: int, centred: bool, area_px: int) -> None:
        self.first_ns = self.first_ns if self.count else now_ns
        self.last_ns = now_ns
        self.count += 1
        self.centred += centred
        self.most_px = max(self.most_px, area_px)
        self.recent = [*self.recent[1 - _MOST_RECENT :], (now_ns, pixel)]

    def is_healed(self, now_ns: int) -> bool:
        restless_ns = self.last_ns - self.first_ns
        interval_ns = restless_ns // max(self.count - 1, 1)
        quiet_ns = max(
            _QUIET_NS, _QUIET_INTERVALS * interval_ns, min(restless_ns, _LONGEST_QUIET_NS)
        )
        return now_ns - self.last_ns > quiet_ns

    def heal(self) -> None:
        self.reason, self.was_hot = None, True
        self.count = self.centred = self.tests = 0
        self.wide = 0
        self.recent = []

    def is_hot_again(self) -> bool:
        near = self.was_hot and self.count > 1
        return near and self.recent[-1][0] - self.recent[-2][0] <= _QUIET_NS

    def is_across(self, candidate: Candidate) -> bool:
        return self.reason == TELEGRAPH and candidate.area_px > 2 * self.most_px + 2


class Places:
    """Remembers where candidates were; refuses those at hot places.

    One step per candidate, whatever is remembered; at most 100,000 places, the ones that lit
    longest ago go first. Times must not go back.

    Parameters
    ----------
    rate : PixelRate
        The sensor's own, fed here with what lights at new places.
    count, window_ns : int
        Of the quick rule; fewer lightings than `count` make no place hot by the Poisson rule
        either. Two may be two particles.
    """

    def __init__(self, rate: PixelRate, count: int = 3, window_ns: int = 180_000_000_000) -> None:
        self._rate = rate
        self._count = count
        self._window_ns = window_ns
        self._places: dict[int, int | _Place] = {}  # a place that lit once is its time alone
        self._hot: dict[int, _Place] = {}
        self._wide: dict[int, _Place] = {}
        self._seen = 0
        self.pixel_px = 1
        """What a single pixel lights: more than itself where a camera mixes neighbours."""
        self.flickers = False
        """Whether this sensor has shown telegraph pixels."""

    def judge(self, candidate: Candidate, now_ns: int) -> tuple[str | None, bool]:
        """Count a new lighting; return the reason to refuse it, or None, and if it is the first."""
        self._heal_one(now_ns)
        y, x = candidate.y_px, candidate.x_px
        if (wide := self._wide_near(y, x)) is not None:
            wide.last_ns = now_ns
            return HOT_PIXEL, False
        key = self._find(y, x)
        if key is None:
            self._begin(y * _ROW + x, now_ns)
            return None, True
        place, pixel = self._open(key), y * _ROW + x
        if place.reason is not None and place.is_healed(now_ns):
            self._heal(key, place)
        if place.is_across(candidate):
            return None, False
        lone = candidate.area_px <= self.pixel_px
        place.light(now_ns, pixel, pixel == key, candidate.area_px)
        place.wide += candidate.area_px > _MOST_LONE_PX * self.pixel_px
        if place.reason is None and self._is_hot(place, now_ns):
            self._condemn(key, place, HOT_PIXEL)
        if place.reason is None and lone and self._is_flicker(place):
            self.mark(candidate, now_ns)
            return TELEGRAPH, False
        if place.reason is None:
            self._rate.count()
        return place.reason, False

    def mark(self, candidate: Candidate, now_ns: int) -> None:
        """Take the pixels of something that stayed lit for telegraph pixels."""
        for y, x in zip(candidate.rows.tolist(), candidate.cols.tolist(), strict=True):
            key = y * _ROW + x
            if key not in self._places:
                self._keep(key, now_ns)
            place = self._open(key)
            place.last_ns = now_ns
            if place.reason is None:
                place.most_px = candidate.area_px
                self._condemn(key, place, TELEGRAPH)

    def has_lit_again(self, candidate: Candidate) -> bool:
        """Whether its place is known for more than this one lighting."""
        key = self._find(candidate.y_px, candidate.x_px)
        return key is not None and isinstance(self._places[key], _Place)

    def is_hot(self, candidate: Candidate) -> bool:
        """Whether the candidate would be refused now; nothing is counted."""
        if self._wide_near(candidate.y_px, candidate.x_px) is not None:
            return True
        key = self._find(candidate.y_px, candidate.x_px)
        place = None if key is None else self._hot.get(key)
        return place is not None and not place.is_across(candidate)

    @property
    def hot_area_px(self) -> int:
        """Pixels at which candidates are refused."""
        spread_px = len(self._wide) * (2 * SPREAD_PX + 1) ** 2
        return spread_px + sum(1 if place.single else _AREA_PX for place in self._hot.values())

    def __len__(self) -> int:
        return len(self._places)

    def _find(self, y: int, x: int) -> int | None:
        """Key of the place a pixel belongs to: its own, else one beside it."""
        own = y * _ROW + x
        if own in self._places:
            return own
        for key in _beside(own):
            place = self._places.get(key)
            if place is None:
                continue
            hot = self._hot.get(key)
            if hot is None or not hot.single:
                return key
        return None

    def _wide_near(self, y: int, x: int) -> _Place | None:
        for key, place in self._wide.items():
            if max(abs(key // _ROW - y), abs(key % _ROW - x)) <= SPREAD_PX:
                return place
        return None

    def _begin(self, key: int, now_ns: int) -> None:
        self._rate.count()
        self._keep(key, now_ns)

    def _keep(self, key: int, now_ns: int) -> None:
        self._seen += 1
        self._places[key] = now_ns
        if len(self._places) > _MOST_PLACES:
            self._forget(next(iter(self._places)))

    def _open(self, key: int) -> _Place:
        """Place as what it is from its second lighting on; becomes the newest."""
        place = self._places.pop(key)
        if isinstance(place, int):
            place = _Place(place, place, recent=[(place, key)])
        self._places[key] = place
        return place

    def _forget(self, key: int) -> None:
        del self._places[key]
        self._hot.pop(key, None)
        self._wide.pop(key, None)

    def _condemn(self, key: int, place: _Place, reason: str) -> None:
        place.reason = reason
        self._hot[key] = place
        if reason == HOT_PIXEL and place.sure and place.wide >= _LEAST_WIDE:
            self._wide[key] = place

    def _heal(self, key: int, place: _Place) -> None:
        place.heal()
        self._hot.pop(key, None)
        self._wide.pop(key, None)

    def _heal_one(self, now_ns: int) -> None:
        """Look at the hot places in turn, one at a time."""
        if not self._hot:
            return
        key, place = next(iter(self._hot.items()))
        if place.is_healed(now_ns):
            self._heal(key, place)
        else:
            self._hot[key] = self._hot.pop(key)

    def _is_hot(self, place: _Place, now_ns: int) -> bool:
        spans = list(self._spans(place, now_ns))
        place.tests += len(spans)
        trials = self._seen * place.tests
        hot = place.sure = False
        for lightings, span_ns, area_px in spans:
            chance = at_least(lightings - 1, self._rate.per_px_ns * area_px * span_ns)
            quick = lightings >= self._count and span_ns <= self._window_ns
            place.sure |= chance * trials < _CHANCE
            hot |= place.sure or (quick and chance * len(spans) < _QUICK_CHANCE)
        return place.is_hot_again() or (hot and place.count >= self._count)

    def _is_flicker(self, place: _Place) -> bool:
        if not self.flickers or len(place.recent) < 2:
            return False
        (before_ns, other), (now_ns, pixel) = place.recent[-2:]
        span_ns = max(now_ns - before_ns, _LEAST_SPAN_NS)
        rare = self._rate.per_px_ns * span_ns < _FLICKER_CHANCE
        return other == pixel and rare

    def _spans(self, place: _Place, now_ns: int) -> Iterator[tuple[int, int, int]]:
        """Lightings, the time they took, the pixels they fell on: each is a test."""
        pixel = place.recent[-1][1]
        near = [time_ns for time_ns, _ in place.recent]
        own = [time_ns for time_ns, other in place.recent if other == pixel]
        for times, area_px in ((near, _AREA_PX), (own, 1)):
            for k in range(2, len(times) + 1):
                yield k, max(now_ns - times[-k], _LEAST_SPAN_NS), area_px
        if place.count > _MOST_RECENT:
            yield place.count, now_ns - place.first_ns, _AREA_PX
            yield place.centred, now_ns - place.first_ns, 1


def _beside(key: int) -> Iterator[int]:
    for dy in (-_ROW, 0, _ROW):
        for dx in (-1, 0, 1):
            if dy or dx:
                yield key + dy + dx
