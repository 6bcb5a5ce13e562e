"""The workshop: find the line, fix it, and learn what does not help.

The lab's service runs a trainee's file with its own rights. So it listens on
127.0.0.1 only. Let it run your own files, and no others.
"""
