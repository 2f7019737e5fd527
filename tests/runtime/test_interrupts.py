"""An interrupt that comes while something is done as one step is raised after it, not in it."""

import signal
import threading

import pytest

from openclaw_ipython.runtime.interrupts import held


def test_an_interrupt_inside_is_raised_at_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt), held():
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]


def test_a_second_interrupt_is_not_held():
    done, before = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("never")
    assert done == []
    assert signal.getsignal(signal.SIGINT) is before


def test_a_step_that_hangs_is_interrupted_all_the_same():
    hanging = threading.Event()
    with pytest.raises(KeyboardInterrupt), held(0.01):
        signal.raise_signal(signal.SIGINT)
        hanging.wait(60)


def test_an_error_inside_does_not_swallow_the_interrupt():
    with pytest.raises(KeyboardInterrupt), held():
        signal.raise_signal(signal.SIGINT)
        raise ValueError


def test_afterwards_interrupts_are_as_before():
    with held():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_that_ignores_interrupts_goes_on_doing_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_there_is_nothing_to_hold():
    done = []

    def work():
        with held():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
