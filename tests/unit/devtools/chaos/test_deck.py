from __future__ import annotations

from collections import Counter

from devtools.chaos.deck import WEIGHTS, Deck


def test_every_kind_of_fault_is_drawn_once_before_any_repeats() -> None:
    deck = Deck("1")
    assert sorted(deck.draw() for _ in WEIGHTS) == sorted(WEIGHTS)


def test_after_that_kinds_are_drawn_according_to_their_weights() -> None:
    deck = Deck("1")
    for _ in WEIGHTS:
        deck.draw()
    assert Counter(deck.draw() for _ in range(sum(WEIGHTS.values()))) == WEIGHTS


def test_a_fault_that_was_put_back_is_drawn_again() -> None:
    deck = Deck("1")
    missed = deck.draw()
    deck.put_back(missed)
    assert sorted(deck.draw() for _ in WEIGHTS) == sorted(WEIGHTS)


def test_the_same_seed_gives_the_same_order() -> None:
    first, second = ([deck.draw() for _ in range(40)] for deck in (Deck("7"), Deck("7")))
    assert first == second
