"""The HTTP client with which the lab controls and observes the service.

The load generator uses aiohttp, because httpx is too slow to send load. At 120
arrivals a second, half of which waited 10 s, httpx sent half of the requests
more than 13 s late; aiohttp sent them 1 ms late.
"""

import httpx

ANY_NUMBER = httpx.Limits(max_connections=None, max_keepalive_connections=0)
"""The service closes idle connections, so none is kept."""


def open_client(
    url: str = "",
    token: str = "",
    timeout: float = 5,
) -> httpx.AsyncClient:
    """Open a client that may use the service's control endpoints.

    Args:
        url: the base of the URLs that it requests.
        token: the lab's token.
        timeout: seconds to wait for each part of a response.

    """
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        limits=ANY_NUMBER,
        timeout=timeout,
        trust_env=False,
    )
