"""The container and CI files agree with each other and with the service.

Nothing is built here: these are the mistakes that would otherwise show at
the first `docker compose up`, or at the first pull request.
"""
