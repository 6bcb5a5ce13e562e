"""The page's process refuses requests that the page did not send."""

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.page.lab import RunningLab
from tests.process.command import wait_until


def test_the_page_is_served_at_this_machine_alone(lab: RunningLab) -> None:
    def addresses() -> set[str]:
        listening = lab.process("lab.page").net_connections("tcp")
        return {s.laddr.ip for s in listening if s.status == "LISTEN"}

    # While sockets come and go, Linux may leave some out of its list.
    wait_until(addresses)
    assert addresses() <= {"127.0.0.1"}


@pytest.mark.parametrize("host", ["evil.example", "192.0.2.1", "127.0.0.2"])
def test_another_host_is_refused(lab: RunningLab, host: str) -> None:
    answer = httpx.get(lab.page, headers={"Host": host})

    assert answer.status_code == 400
    assert "Connection leaks" not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_origin_is_refused(lab: RunningLab, origin: str) -> None:
    answer = httpx.get(lab.page, headers={"Origin": origin})

    assert answer.status_code == 403


def test_a_websocket_of_another_origin_is_refused(lab: RunningLab) -> None:
    url = lab.page.replace("http", "ws") + "/_nicegui_ws/socket.io/"
    query = "?EIO=4&transport=websocket"

    with connect(url + query, origin=Origin(lab.page)):
        pass
    with pytest.raises(InvalidStatus) as refused:
        connect(url + query, origin=Origin("http://evil.example"))
    assert refused.value.response.status_code == 403


def test_the_browser_may_load_nothing_from_elsewhere(lab: RunningLab) -> None:
    policy = httpx.get(lab.page).headers["content-security-policy"]

    assert policy.startswith("default-src 'self';")
    assert "http" not in policy


def test_an_address_without_a_lesson_lists_the_lessons(
    lab: RunningLab,
) -> None:
    answer = httpx.get(f"{lab.page}/lessons/ordres")

    assert answer.status_code == 404
    assert answer.text.startswith("There is no lesson 'ordres'; there are ord")
