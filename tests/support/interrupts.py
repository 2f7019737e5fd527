"""Interrupts at chosen places: KeyboardInterrupt at the n-th step of the code of some files, on this thread."""

import sys


class Interrupting:
    """Calls `act()` and interrupts it before its n-th line in `files`, or as its n-th function there returns.

    `steps` is how many of these places were passed, `fired` whether the interrupt came.
    """

    def __init__(self, at, files):
        self.at = at
        self.files = frozenset(map(str, files))
        self.steps = 0
        self.fired = False
        self.place = ""

    def __call__(self, act):
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            return act()
        finally:
            sys.settrace(before)

    def _called(self, frame, event, _):
        return self._step if frame.f_code.co_filename in self.files else None

    def _step(self, frame, event, _):
        if event in ("line", "return") and not self.fired:
            self.steps += 1
            if self.steps == self.at:
                self.fired = True
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno} {event}"
                raise KeyboardInterrupt
        return self._step
