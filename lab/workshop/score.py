"""Points of the workshop. `RULES` describes them for readers."""

FIND, WRONG_LINE, LEAST_FIND = 10, 2, 2
FIX = 20
QUIZ, WRONG_ANSWER = 10, 5
HINT = 2
LESSON = FIND + FIX + QUIZ
"""Points of one lesson."""

RULES = (
    ("the line found", f"{FIND:+}", f"{WRONG_LINE} less each wrong one"),
    ("the fault fixed", f"{FIX:+}", "none once its solution was shown"),
    (
        "the quiz answered",
        f"{QUIZ:+}",
        f"{WRONG_ANSWER} less each wrong answer",
    ),
    ("a hint", f"{-HINT:+}", "there are three"),
)


def for_finding(wrong_lines: int, *, solution_seen: bool) -> int:
    """Points for the line, after `wrong_lines` wrong guesses."""
    if solution_seen:
        return 0
    return max(LEAST_FIND, FIND - WRONG_LINE * wrong_lines)


def for_fixing(*, solution_seen: bool) -> int:
    """Points for the fix."""
    return 0 if solution_seen else FIX


def for_the_quiz(wrong_answers: int) -> int:
    """Points for the quiz, after `wrong_answers` wrong answers."""
    return max(0, QUIZ - WRONG_ANSWER * wrong_answers)
