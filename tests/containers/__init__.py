"""The container and CI files agree with each other and with the service.

No image is built here. The tests find mistakes that would otherwise show at
the first `docker compose up`, or at the first pull request.
"""
