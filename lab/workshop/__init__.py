"""Learning by doing: find the line, mend it, and know what would not help.

A trainee's file is code, and the lab's service runs it with its own rights:
the lab is for 127.0.0.1, and for files that are one's own.
"""
