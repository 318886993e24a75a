from __future__ import annotations

import pytest

from pipelines.control.database_contact import DatabaseContact
from providers.records.base import DatabaseUnavailable

LEASE_S = 12.0


class Clock:
    """A process that calls the database."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.contact = DatabaseContact(LEASE_S, now=lambda: self.now)

    def call_for(self, seconds: float, every_s: float = 2.0) -> None:
        until = self.now + seconds
        while self.now <= until:
            with self.contact.call():
                pass
            self.now += every_s

    def fail(self) -> None:
        with pytest.raises(DatabaseUnavailable), self.contact.call():
            raise DatabaseUnavailable("no connection")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_process_that_has_just_started_has_no_contact(clock: Clock) -> None:
    clock.call_for(0)
    assert not clock.contact.lasts_a_lease


def test_contact_lasts_once_the_database_was_reached_for_a_lease(clock: Clock) -> None:
    clock.call_for(LEASE_S)
    assert clock.contact.lasts_a_lease


def test_one_failed_call_ends_the_contact_for_a_lease(clock: Clock) -> None:
    clock.call_for(LEASE_S)
    clock.fail()
    assert not clock.contact.lasts_a_lease
    clock.call_for(LEASE_S - 2)
    assert not clock.contact.lasts_a_lease
    clock.call_for(2)
    assert clock.contact.lasts_a_lease


def test_a_long_call_does_not_prove_contact_while_it_lasted(clock: Clock) -> None:
    """Given contact, when one call hangs in an outage and then succeeds, then the contact starts again."""
    clock.call_for(LEASE_S)
    clock.now += LEASE_S / 2
    clock.call_for(0)
    assert not clock.contact.lasts_a_lease
