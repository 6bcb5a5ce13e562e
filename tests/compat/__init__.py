"""The adapter tests with the drivers and frameworks that people have.

`python -m tests.compat` makes a virtual environment for each row of `matrix`,
runs the adapter tests of poolwatch there, and prints what is supported.
"""
