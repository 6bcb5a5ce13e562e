"""A wrong block of a page fails; a right one passes."""

import pytest

from tests.documentation.conftest import Reader

RIGHT = """
```console
$ mkdir there && cd there && NAME=Ada
$ echo "$NAME" \\
    and "$(basename "$PWD")"
Ada and there
$ cat <<'END'
one
END
one
$ for i in 1 2; do
    echo $i
  done
1
2
```

```bash
greet() { echo hello; }
set | grep -q '^NAME=Ada'
```

<!-- exits with 3 -->
```console
$ greet >&2
hello
$ exit 3
```
"""


def test_blocks_of_a_page_share_folder_variables_and_functions(
    read: Reader,
) -> None:
    assert read(RIGHT) == ["", "", ""]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("```console\n$ echo a\nb\n```", "-b\n+a"),
        ("```console\n$ echo a\na\nb\n```", "-b"),
        ("```console\n$ echo a\n```", "+a"),
        ("```console\n$ echo a; exit 4\na\n```", "exit code 4, expected 0"),
        ("```console\n$ nothing-like-it\n```", "exit code 127"),
        ("```console\n$ (\n```", "syntax error"),
        ("```console\nout of nowhere\n```", "output without a command"),
        ("```console\n```", "output without a command"),
        ("```bash\nfalse\ntrue\n```", "exit code 1, expected 0"),
        ("```bash\nfalse | true\n```", "exit code 1, expected 0"),
        ("```\nanything\n```", "how to run a block of “”"),
        ("```text\nanything\n```", "how to run a block of “text”"),
        ("```json\n{'a': 1}\n```", "not JSON"),
        ("```yaml\na: b: c\n```", "not YAML"),
        ("```python\nx = 1\ndef f(:\n```", "line 4: invalid syntax"),
        ("Text.\n\n    indented\n", "an indented block is not run"),
        ("<!-- not runn: x -->\n```bash\n```", "unknown comment"),
        ("<!-- not run: -->\n```bash\n```", "unknown comment"),
        ("<!-- exits with x -->\n```bash\n```", "unknown comment"),
        ("<!-- not run: x -->\n\n```bash\n```", "no block follows"),
        ("<!-- a remark -->", "no block follows"),
        (
            "<!-- exits with 1 -->\n```console\n$ true\n```",
            "exit code 0, expected 1",
        ),
        (
            "<!-- exits with 1 -->\n```console\n$ false\n$ false\n```",
            "exit code 1, expected 0",
        ),
        (
            "<!-- run elsewhere: .ci/run -->\n```bash\nmake tea\n```",
            ".ci/run does not run `make tea`",
        ),
        (
            "<!-- run elsewhere: Makefile -->\n```console\n$ a\nb\n```",
            "output is shown that is not compared",
        ),
        (
            "<!-- compared by: tests/conftest.py -->\n```text\na\n```",
            "tests/conftest.py does not name",
        ),
        (
            "<!-- from: app/orders/before.py -->\n```python\nx = 1\n```",
            "app/orders/before.py has no such lines",
        ),
    ],
)
def test_a_fault_is_red(read: Reader, block: str, told: str) -> None:
    assert any(told in fault for fault in read(f"\n{block}\n"))


@pytest.mark.parametrize(
    "block",
    [
        "<!-- run elsewhere: .ci/run -->\n```bash\nmake test-all  # long\n```",
        "<!-- from: .ci/run -->\n```bash\n.ci/packages\n…\nmake test-all\n```",
        '```json\n"a": {"b": 1}\n```',
        "```yaml\na: [1]\n```",
        "```python\nasync with pool.acquire():\n    ...\n```",
        "A list:\n\n- one\n- two\n",
        "<!-- card: story -->\n> It hangs.\n<!-- end -->\n",
    ],
)
def test_what_is_right_is_not(read: Reader, block: str) -> None:
    assert not any(read(f"\n{block}\n"))


def test_what_is_not_run_is_skipped_with_its_reason(read: Reader) -> None:
    [told] = read("<!-- not run: no time -->\n```bash\nfalse\n```")
    assert told == "skipped: line 3 is not run: no time"


def test_a_failure_names_the_line_and_the_command(read: Reader) -> None:
    [told] = read("Words.\n\n```console\n$ true\n$ echo a; exit 4\nb\n```")
    lines = told.splitlines()
    assert lines[0] == "page.md:5: $ echo a; exit 4"
    assert {"exit code 4, expected 0", "-b", "+a", "    a"} <= {*lines}
