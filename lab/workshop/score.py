"""What counts for how much. `RULES` is the same, to be read."""

FIND, WRONG_LINE, LEAST_FIND = 10, 2, 2
FIX = 20
TRAP, WRONG_ANSWER = 10, 5
HINT = 2
LESSON = FIND + FIX + TRAP
"""What a lesson is worth."""

RULES = (
    ("the line found", f"{FIND:+}", f"{WRONG_LINE} less each wrong one"),
    ("the fault fixed", f"{FIX:+}", "none once its solution was shown"),
    ("the trap seen", f"{TRAP:+}", f"{WRONG_ANSWER} less each wrong answer"),
    ("a hint", f"{-HINT:+}", "there are three"),
)


def for_finding(wrong_lines: int, *, solution_seen: bool) -> int:
    """Points for the line, after so many that were wrong."""
    if solution_seen:
        return 0
    return max(LEAST_FIND, FIND - WRONG_LINE * wrong_lines)


def for_fixing(*, solution_seen: bool) -> int:
    """Points for the fix."""
    return 0 if solution_seen else FIX


def for_the_trap(wrong_answers: int) -> int:
    """Points for the question, after so many wrong answers."""
    return max(0, TRAP - WRONG_ANSWER * wrong_answers)
