"""The record of what cells display: small, in its last state, and never in the way of a display."""

from types import SimpleNamespace

from openclaw_ipython.shell import display_capture
from openclaw_ipython.shell.display_capture import DisplayCapture


class Shell:
    """As much of a kernel's shell as is listened to."""

    def __init__(self):
        self.record = DisplayCapture(self)
        self.history_manager = SimpleNamespace(input_hist_raw=[""])

    def run(self, *displays):
        self.history_manager.input_hist_raw.append("…")
        for kind, data, display_id in displays:
            content = {"data": data, "transient": {"display_id": display_id} if display_id else {}}
            message = {"msg_type": kind, "content": content}
            assert self.record.capture(message) is message


def listening():
    shell = Shell()
    return shell, shell.record


def test_what_a_cell_displays_is_kept_by_its_number():
    shell, record = listening()
    shell.run(("display_data", {"text/plain": "a", "text/html": "<b>a</b>", "image/png": "AAAA"}, ""))
    shell.run(("display_data", {"text/plain": "b"}, ""), ("display_data", {"text/plain": "c"}, ""))
    assert record.outputs(1) == [{"text/plain": "a", "image/png": "AAAA"}]
    assert record.outputs(2) == [{"text/plain": "b"}, {"text/plain": "c"}]
    assert record.outputs(3) == []


def test_an_update_replaces_what_was_shown_where_it_was_shown():
    shell, record = listening()
    shell.run(("display_data", {"text/plain": "10 %"}, "bar"))
    shell.run(("update_display_data", {"text/plain": "20 %"}, "bar"))
    assert record.outputs(1) == [{"text/plain": "20 %"}]
    assert record.outputs(2) == []


def test_the_oldest_cells_go_when_it_becomes_much():
    shell, record = listening()
    for _ in range(5):
        shell.run(("display_data", {"image/png": "A" * (display_capture.LIMIT // 3)}, ""))
    assert [bool(record.outputs(n)) for n in range(1, 6)] == [False, False, True, True, True]


def test_of_a_cell_that_shows_much_the_newest_outputs_are_kept():
    shell, record = listening()
    third = "A" * (display_capture.LIMIT // 3)
    shell.run(*(("display_data", {"image/png": third, "text/plain": str(n)}, "") for n in range(10)))
    assert [kept["text/plain"] for kept in record.outputs(1)] == ["8", "9"]


def test_an_odd_display_is_passed_on():
    shell, record = listening()
    shell.run(("display_data", None, ""), ("display_data", {"text/plain": 3}, ""), ("clear_output", {}, ""))
    assert record.outputs(1) in ([], [{}])


def test_of_a_long_output_the_beginning_is_kept():
    shell, record = listening()
    shell.run(("display_data", {"text/plain": "x" * 10 * display_capture.TEXT_LIMIT}, ""))
    assert len(record.outputs(1)[0]["text/plain"]) == display_capture.TEXT_LIMIT
