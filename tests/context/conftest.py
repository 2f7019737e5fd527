"""A notebook for the tests of what goes into a prompt: names, cells, results, pictures, a failure."""

import pytest

from openclaw_ipython.context.names import Cell, Failure


class Notebook:
    """What `shell.notebook` gives in a real one. The last of `inputs` is the running cell."""

    def __init__(
        self, names=None, inputs=("", "a = 1", "a", "…"), outputs=None, results=None, shown=None, failure=None
    ):
        self.names = names or {}
        self.inputs = inputs
        self.outputs = outputs or {}
        self.results = results or {}
        self.shown = shown or {}
        self.failure = failure

    def nameable(self):
        return self.names

    def cell(self, number):
        if not 1 <= number < len(self.inputs):
            raise KeyError(number)
        return Cell(number, self.inputs[number], self.outputs.get(number, ""))

    def pictures(self, number):
        return self.shown.get(number, [])

    def last_pictures(self):
        return self.shown[max(self.shown)] if self.shown else []

    def last_failure(self):
        return self.failure


@pytest.fixture
def notebook():
    def make(**names):
        failure = Failure(ZeroDivisionError("division by zero"), 2, "1 / 0", 1)
        return Notebook(names, results={2: {"a": [10, 20]}}, failure=failure)

    return make


@pytest.fixture
def cells():
    return Notebook
