"""A view's states follow a bed's reports in one direction only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.live_view.rules import OPEN, ViewState, state_after, turn_credentials, watched_s
from edge_agent.live.network import turn_credentials as of_the_bed
from shared.clock import NS_PER_S
from shared.live_view import ViewPhase

ORDER = [ViewState.asked, ViewState.answered, ViewState.joined]


@given(st.lists(st.sampled_from(list(ViewPhase)), max_size=12))
def test_no_order_of_reports_opens_again_what_is_over_or_goes_back(phases: list[ViewPhase]) -> None:
    state = ViewState.asked
    for phase in phases:
        after = state_after(state, phase)
        if state not in OPEN:
            assert after is None
        if after in OPEN:
            assert ORDER.index(after) > ORDER.index(state)
        state = after or state


def test_what_was_never_joined_was_watched_for_no_time() -> None:
    assert watched_s(None, 5 * NS_PER_S) == 0
    assert watched_s(2 * NS_PER_S, 65 * NS_PER_S) == 63


def test_bed_and_browser_get_credentials_of_the_same_kind_for_the_turn_server() -> None:
    assert turn_credentials("secret", "a", 10**18) == of_the_bed("secret", "a", 10**18)
