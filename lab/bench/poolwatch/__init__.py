"""What poolwatch costs: a checkout, a request, an open loan.

Each side of a pair runs in turn, with and without, round after round, so that
what else the machine does meets both alike. What counts is the median of the
paired differences and ratios. pyperf and pytest-benchmark time all of one
side and then all of the other, so the rounds are our own; the values are kept
in pyperf's files, for `pyperf compare_to`.
"""
