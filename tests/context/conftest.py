"""A notebook with variables, cells, results, images and a failure."""

import pytest

from openclaw_ipython.context.names import Cell, CellFailure


class Notebook:
    """The interface of `context.names.Notebook`. The last of `inputs` is the running cell."""

    def __init__(
        self,
        variables=None,
        inputs=("", "a = 1", "a", "…"),
        outputs=None,
        results=None,
        displayed=None,
        failure=None,
    ):
        self._variables = variables or {}
        self.inputs = inputs
        self.outputs = outputs or {}
        self.results = results or {}
        self.displayed = displayed or {}
        self.failure = failure

    def variables(self):
        return self._variables

    def cell(self, number):
        if not 1 <= number < len(self.inputs):
            raise KeyError(number)
        return Cell(number, self.inputs[number], self.outputs.get(number, ""))

    def images(self, number):
        return self.displayed.get(number, [])

    def last_images(self):
        return self.displayed[max(self.displayed)] if self.displayed else []

    def last_failure(self):
        return self.failure


@pytest.fixture
def notebook():
    def make(**variables):
        failure = CellFailure(ZeroDivisionError("division by zero"), 2, "1 / 0", 1)
        return Notebook(variables, results={2: {"a": [10, 20]}}, failure=failure)

    return make


@pytest.fixture
def cells():
    return Notebook
