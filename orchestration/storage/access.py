"""How the S3 store is reached: endpoint, region, credentials, addressing, certificates and proxy.

botocore resolves them, as it knows every rule of the S3 clients (environment, profile, role; see
the boto3 guides "Configuration" and "Credentials"). boto3, obstore and DuckDB get the same result.

Belongs here: resolving access, and credentials that are renewed. Doesn't belong here: requests
(``store``).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from orchestration.core.errors import UsageError
from orchestration.core.settings import Settings, is_loopback

if TYPE_CHECKING:
    from botocore.session import Session

__all__ = ["Access", "Keys", "S3Config", "proxy_for", "resolve_s3", "without_user"]

_DEFAULT_REGION = "us-east-1"
#: The names of AWS's own endpoints, outside and inside China.
_AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn")


@dataclass(frozen=True)
class S3Config:
    """How the S3 store is reached. It can be pickled, for child processes.

    Attributes:
        endpoint: URL without a path, such as ``http://127.0.0.1:9000``.
        region: AWS region name.
        access_key_id, secret_access_key, session_token: fixed credentials, never logged. None:
            botocore finds and renews them in each process, see :class:`Access`.
        is_virtual_hosted: whether the bucket is part of the host name (``bucket.endpoint``) and
            not of the path.
        ca_bundle: path of a PEM file with the certificate authorities to trust, or None for those
            that each client trusts by default.
        proxy: URL of the proxy for the endpoint, maybe with a password, or None.
    """

    endpoint: str
    region: str
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    is_virtual_hosted: bool = False
    ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return urlsplit(self.endpoint).netloc

    @property
    def uses_tls(self) -> bool:
        """Whether the endpoint is https."""
        return urlsplit(self.endpoint).scheme == "https"

    @property
    def is_aws(self) -> bool:
        """Whether the endpoint is one of AWS itself."""
        return self.host.endswith(_AWS_DOMAINS)

    def has_virtual_host(self, bucket: str) -> bool:
        """Whether requests to ``bucket`` name it in the host.

        A certificate for ``*.endpoint`` doesn't cover a name with more dots (RFC 6125, 6.4.3), so
        clients use the path for such buckets (S3 guide, "Virtual hosting of buckets").
        """
        return self.is_virtual_hosted and not (self.uses_tls and "." in bucket)

    @property
    def shown(self) -> str:
        """The endpoint, and the proxy if there is one, for messages."""
        through = f" through the proxy {without_user(self.proxy)}" if self.proxy else ""
        return f"{self.endpoint}{through}"

    @property
    def fixed_keys(self) -> Keys | None:
        """The fixed credentials, or None."""
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return Keys(self.access_key_id, self.secret_access_key, self.session_token)


class Keys(NamedTuple):
    """Credentials at one time."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None


class Access:
    """Access to a store in one process: a botocore session and the credentials that it renews.

    Attributes:
        KEYS_VALID: how long keys can be used after :meth:`keys` returned them. botocore renews
            temporary ones ten minutes before they expire at the latest
            (``RefreshableCredentials``).
    """

    KEYS_VALID = timedelta(minutes=10)

    def __init__(self, config: S3Config, session: Session | None = None) -> None:
        """Set up access; credentials are looked up when they are needed.

        Args:
            session: the session that found the credentials; None: a new one finds them again.
        """
        self._config = config
        self._given = session

    @cached_property
    def session(self) -> Session:
        """The botocore session, created on first use because its import takes 0.3 s."""
        from botocore.session import Session

        session = self._given or Session()
        session.set_config_variable("region", self._config.region)
        if self._config.ca_bundle:
            session.set_config_variable("ca_bundle", self._config.ca_bundle)
        if self._config.fixed_keys:
            session.set_credentials(*self._config.fixed_keys)
        return session

    def keys(self) -> Keys:
        """The credentials for a request that is made now.

        Raises:
            UsageError: there are none.
            BotoCoreError, ClientError: the provider of credentials failed.
        """
        if self._config.fixed_keys:
            return self._config.fixed_keys
        found = self.session.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise UsageError(
                "an S3 store is set but no credentials were found: "
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
            )
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    @cached_property
    def are_keys_renewed(self) -> bool:
        """Whether the keys are temporary and botocore renews them."""
        if self._config.fixed_keys:
            return False
        from botocore.credentials import RefreshableCredentials

        return isinstance(self.session.get_credentials(), RefreshableCredentials)

    def secrets(self) -> tuple[str, ...]:
        """The current secrets, which no log may show."""
        keys = self.keys()
        password = urlsplit(self._config.proxy or "").password
        found = (keys.secret_access_key, keys.session_token, password)
        return tuple(secret for secret in found if secret)


def resolve_s3(settings: Settings) -> tuple[S3Config, Session]:
    """Resolve access to the store that the environment or a profile names.

    Returns:
        the access, and the session that found it, which holds the credentials.

    Raises:
        UsageError: no credentials can be found, or a setting is invalid.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    session = Session()
    try:
        region = settings.region or session.get_config_variable("region") or _DEFAULT_REGION
        ca_bundle = session.get_config_variable("ca_bundle") or settings.ca_bundle
        if ca_bundle:
            _check_readable(ca_bundle)
            session.set_config_variable("ca_bundle", ca_bundle)
        client = session.create_client("s3", region_name=region)
        endpoint = _checked_endpoint(client.meta.endpoint_url)
        of_profile: dict[str, str] = getattr(client.meta.config, "s3", None) or {}
        style = settings.addressing or of_profile.get("addressing_style")
        config = S3Config(
            endpoint,
            region,
            is_virtual_hosted=_is_virtual_hosted(
                style or "auto", urlsplit(endpoint).hostname or ""
            ),
            ca_bundle=ca_bundle,
            proxy=proxy_for(endpoint),
        )
        Access(config, session).keys()
    except (BotoCoreError, ClientError) as error:
        raise UsageError(f"S3 credentials: {error}") from None
    except ValueError as error:
        raise UsageError(
            f"S3 settings: {error}; AWS_ENDPOINT_URL_S3 must start with http:// or https://"
        ) from None
    return config, session


def _check_readable(path: str) -> None:
    if not Path(path).is_file() or not os.access(path, os.R_OK):
        raise UsageError(
            f"the certificates {path} are no readable file: set AWS_CA_BUNDLE (or SSL_CERT_FILE, "
            "or ca_bundle of the profile) to a PEM file"
        )


def _checked_endpoint(url: str) -> str:
    """The endpoint without a final slash.

    Raises:
        UsageError: it has more than scheme, host and port. Clients would drop a path or sign
            another than they send.
    """
    parts = urlsplit(url)
    bare = f"{parts.scheme}://{without_user(parts.netloc)}"
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError(
            f"the S3 endpoint must be {bare} alone, without a user, path or query: correct "
            "AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL, or endpoint_url of the profile); buckets "
            "are set by TONGBAO_LANDING_BUCKET, TONGBAO_LAKE_BUCKET, TONGBAO_PUBLICATION_BUCKET"
        )
    return bare


def without_user(url: str) -> str:
    """A URL, or its host and port, without user and password."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _is_virtual_hosted(style: str, host: str) -> bool:
    """Whether the bucket becomes part of the host's name.

    Args:
        style: ``path``, ``virtual`` or ``auto``: ``virtual`` for AWS, which will end path style
            for new buckets, and ``path`` for other servers, most of which have no names of buckets.
        host: host of the endpoint. An IP address takes no bucket before it.
    """
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return False
    return host.endswith(_AWS_DOMAINS) if style == "auto" else style == "virtual"


def proxy_for(url: str) -> str | None:
    """The proxy for a URL by the usual variables (``HTTPS_PROXY``, ``NO_PROXY``, …), or None."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(parts.netloc) or _is_in_excluded_network(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and "://" not in proxy:
        return f"http://{proxy}"
    return proxy or None


def _is_in_excluded_network(host: str) -> bool:
    """Whether ``NO_PROXY`` has a network with this address, which Python's own look-up ignores."""
    for entry in getproxies().get("no", "").split(","):
        with contextlib.suppress(ValueError):
            if "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip()):
                return True
    return False
