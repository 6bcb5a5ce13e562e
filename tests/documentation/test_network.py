"""A page runs only if its fixed ports are free."""

import shutil
import socket
import subprocess

import pytest

from tests.documentation.network import network, taken

CONNECT = "exec 3<>/dev/tcp/127.0.0.1/"


def test_a_port_that_somebody_listens_at_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        page = f"curl 127.0.0.1:{port}/orders"
        assert taken(page) == [port]
        assert taken("curl example.org:8000") == []
    assert taken(page) == []


def test_a_network_of_its_own_does_not_reach_the_machines() -> None:
    with (
        network() as prefix,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        if not prefix:
            pytest.skip("only root may have a network of its own")
        port = server.getsockname()[1]
        connect = ["bash", "-c", f"{CONNECT}{port}"]
        assert subprocess.run(connect, check=False).returncode == 0
        apart = subprocess.run(
            [*prefix, *connect], check=False, capture_output=True
        )
        assert b"Connection refused" in apart.stderr


def test_without_unshare_a_page_is_run_directly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with network() as prefix:
        assert prefix == []
