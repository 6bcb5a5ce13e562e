"""Nothing that a page starts outlives it, whatever happens."""

import time

import psutil

from tests.documentation.conftest import Reader
from tests.documentation.shell import Shell
from tests.process.command import A_MINUTE

SERVICE = """
<!-- in another terminal: until ready -->
```console
$ echo "as $PORT" && sleep 0.3 && echo ready && exec sleep 60
as 8
…
```
"""


def pids(output: str) -> list[int]:
    return [int(word) for word in output.split() if word.isdigit()]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_command_that_hangs_is_ended_and_all_that_it_started(
    read: Reader, quick: Shell
) -> None:
    page = """
```console
$ sleep 60 & setsid sleep 61 & echo $! $(jobs -p) $$ | tee pids; wait
```

```console
$ echo not reached
```
"""
    hung, further = read(page)
    left = quick.close()

    assert "did not end within 2 s" in hung
    assert "is not reached: page.md:3 had to be ended" in further
    found = pids(hung.partition("printed:")[2])
    assert len(found) >= 3
    assert all(map(is_gone, found))
    assert [name.partition(" ")[2] for name in left] == ["sleep 61"]


def test_what_a_page_leaves_in_the_background_is_named_and_ended(
    read: Reader, quick: Shell
) -> None:
    assert read("```bash\nsetsid sleep 62 &\n```") == [""]

    [left] = quick.close()

    number, _, command = left.partition(" ")
    assert command == "sleep 62"
    assert is_gone(int(number))


def test_what_stands_in_a_terminal_of_its_own_goes_on_until_the_end(
    read: Reader, quick: Shell
) -> None:
    before = "```bash\nPORT=8\n```\n"
    after = "```console\n$ echo $PORT\n8\n```"
    assert read(f"{before}{SERVICE}{after}") == ["", "", ""]
    [terminal] = quick.terminals
    assert terminal.process.poll() is None

    assert quick.close() == []

    assert terminal.process.poll() is not None


def test_what_ends_before_it_stands_is_red_and_ends_the_page(
    read: Reader, quick: Shell
) -> None:
    quick.bound = A_MINUTE
    begun = time.monotonic()
    page = SERVICE.replace("echo ready", "false") + "```bash\ntrue\n```"

    fault, further = read(page)

    assert "“ready” did not come" in fault
    assert "    as" in fault
    assert "is not reached: page.md:4 does not stand" in further
    assert time.monotonic() - begun < A_MINUTE


def test_what_does_not_stand_in_time_is_red(read: Reader) -> None:
    [fault] = read(SERVICE.replace("echo ready", "echo so"))
    assert "“ready” did not come within 2 s" in fault


def test_what_stands_and_shows_something_else_is_red(read: Reader) -> None:
    [fault] = read(SERVICE.replace("as 8", "as ever"))
    assert "-as ever" in fault


def test_a_failure_shows_what_a_service_has_said(read: Reader) -> None:
    _, fault = read(f"{SERVICE.replace('$PORT', '8')}```bash\nfalse\n```")
    assert "goes on:\n    as 8\n    ready" in fault


def test_a_service_that_does_not_mind_sigterm_is_left_and_ended(
    read: Reader, quick: Shell
) -> None:
    page = SERVICE.replace("exec sleep 60", "trap : TERM; while :; do :; done")
    assert read(page.replace("$PORT", "8")) == [""]
    [terminal] = quick.terminals

    assert any(str(terminal.process.pid) in name for name in quick.close())

    assert is_gone(terminal.process.pid)
