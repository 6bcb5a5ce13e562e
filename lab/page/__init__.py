"""The live page: a process of its own, which watches and works the service."""
