import signal
import threading

import pytest

from premotor import stopping
from premotor.stopping import Stopped, StopSignal


def test_a_first_signal_is_remembered_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop:
        assert not stop.received
        signal.raise_signal(signal.SIGTERM)
        assert stop.received
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_later_signal_interrupts_but_not_one_that_comes_with_the_first(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    with StopSignal() as stop:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert stop.received
        now[0] += stopping.SAME + 0.1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_is_asked_of_the_inner_one_is_asked_of_the_outer_one_too():
    with StopSignal() as outer:
        with StopSignal():
            signal.raise_signal(signal.SIGINT)
            assert not outer.received  # the inner one may still stop in good order
        assert outer.received


def test_the_answer_is_said_once(caplog):
    with StopSignal("the unit is ended"):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert caplog.messages == ["SIGTERM: the unit is ended"]


def test_in_a_thread_there_are_no_signals_and_nothing_breaks():
    found = []
    before = signal.getsignal(signal.SIGINT)

    def work():
        with StopSignal() as stop:
            found.append((stop.received, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, before)]


def test_stopped_is_no_error_that_a_broad_except_takes():
    assert not issubclass(Stopped, Exception)
