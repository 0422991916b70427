"""The one reader of BROKER_URL and MERGELANE_RATE_LIMIT_URL.

Each library reads such a URL in its own way, at another time, and quotes it in its errors. So this module parses it
once, and each library gets the parts, or a URL that is composed from them. No message here contains a part of the URL.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

REDIS, REDISS, SOCKET, SENTINEL = "redis", "rediss", "redis+socket", "sentinel"
AMQP, AMQPS = "amqp", "amqps"
#: The default port of each scheme.
PORTS = {REDIS: 6379, REDISS: 6379, SENTINEL: 26_379, AMQP: 5672, AMQPS: 5671}
SCHEMES = (*PORTS, SOCKET)
ALIASES = {"unix": SOCKET}
#: The value of MERGELANE_RATE_LIMIT_URL with which each process counts its own requests.
MEMORY = "memory://"
TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
#: Other places for the number of the database, by the libraries.
DATABASE = ("db", "virtual_host")
#: The options that a URL of each scheme may have.
OPTIONS = {
    REDIS: DATABASE,
    REDISS: (*DATABASE, *TLS),
    SOCKET: DATABASE,
    SENTINEL: ("master_name", "sentinel_username", "sentinel_password"),
    AMQP: (),
    AMQPS: TLS,
}
#: The values of ssl_cert_reqs; kombu's names too.
CHECKS = {name: name.lower().removeprefix("cert_") for name in ("CERT_REQUIRED", "CERT_OPTIONAL", "CERT_NONE")}
CHECKS |= {name: name for name in CHECKS.values()}
SWITCHES = {"true": True, "false": False}
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?\Z")
IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]\Z")
HIGHEST_PORT = 65_535
LARGEST_DATABASE = 1_000_000

ENCODE = "Percent-encode every special character of the password: `/` is %2F, `?` is %3F, `#` is %23, `@` is %40."

SEVERAL = (
    "It names several servers, and one URL is one server. For failover use Redis Sentinel:"
    " sentinel://HOST:PORT,HOST:PORT/0?master_name=NAME. In a password, `;` is %3B and `,` is %2C."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """The parts of a broker's URL, decoded."""

    scheme: str
    #: Hosts with their ports: several Sentinels, several nodes of one RabbitMQ cluster, else one; none with a socket.
    servers: tuple[tuple[str, int], ...] = ()
    #: The path of the socket.
    socket: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    #: The number of the Redis database, or the virtual host of RabbitMQ.
    database: str = ""
    options: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_redis(self) -> bool:
        return self.scheme not in (AMQP, AMQPS)

    @property
    def is_encrypted(self) -> bool:
        return self.scheme in (REDISS, AMQPS)

    @property
    def check(self) -> str:
        """How a certificate is checked: "required", "optional" or "none"."""
        return CHECKS[self.options.get("ssl_cert_reqs", "required")]

    def for_celery(self) -> str:
        """Return the URL for Celery, whose options are in `workers.celery` and `workers.tls`."""
        if self.scheme == SOCKET:
            query = "" if self.database == "0" else f"?virtual_host={self.database}"
            return f"{SOCKET}://{self._credentials}{quote(self.socket)}{query}"
        database = quote(self.database, safe="")
        return ";".join(
            f"{self.scheme}://{self._credentials}{_bracketed(host)}:{port}/{database}" for host, port in self.servers
        )

    def for_redis_client(self) -> str:
        """Return the URL for a client of redis-py, to one server or a socket."""
        if self.scheme == SOCKET:
            return f"redis+unix://{self._credentials}{quote(self.socket)}?db={self.database}"
        ((host, port),) = self.servers
        query = self.options | ({"ssl_cert_reqs": self.check} if self.scheme == REDISS else {})
        url = f"{self.scheme}://{self._credentials}{_bracketed(host)}:{port}/{self.database}"
        return f"{url}?{urlencode(query)}" if query else url

    def sentinel_arguments(self) -> dict[str, str]:
        """Return the user and password of the Sentinels themselves, which differ from those of the Redis."""
        names = {"sentinel_username": "username", "sentinel_password": "password"}
        return {names[name]: value for name, value in self.options.items() if name in names}

    @property
    def _credentials(self) -> str:
        if not self.username and not self.password:
            return ""
        password = f":{quote(self.password, safe='')}" if self.password else ""
        return f"{quote(self.username, safe='')}{password}@"


def parse_broker_url(text: str) -> BrokerUrl:
    """Return the parts of *text*; raise ValueError, whose message has no part of it, when it cannot be read."""
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("It contains a blank or a control character. Percent-encode it, or remove it.")
    urls = [_parse_one(url) for url in text.split(";")]
    first = urls[0]
    if len(urls) == 1:
        return _complete(first)
    if first.scheme not in (SENTINEL, AMQP, AMQPS) or any(url.scheme != first.scheme for url in urls):
        raise ValueError(SEVERAL)
    return _complete(_joined(urls))


def _parse_one(url: str) -> BrokerUrl:
    scheme, separator, rest = url.partition("://")
    scheme = ALIASES.get(scheme, scheme)
    if not separator or scheme not in SCHEMES:
        raise ValueError(f"It must begin with {', '.join(f'{each}://' for each in SCHEMES[:-1])} or {SOCKET}://.")
    if "#" in rest:
        raise ValueError(f"It contains `#`. {ENCODE}")
    before, _, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    credentials, _, servers = authority.rpartition("@")
    if "@" in path or "@" in query:
        raise ValueError(f"An `@` follows the host in it. {ENCODE}")
    username, _, password = credentials.partition(":")
    is_socket = scheme == SOCKET
    if is_socket and (servers or not path):
        raise ValueError("It must have the path of a socket behind three slashes: redis+socket:///PATH.")
    return BrokerUrl(
        scheme=scheme,
        servers=() if is_socket else tuple(_parse_server(server, scheme) for server in servers.split(",")),
        socket=f"{slash}{unquote(path)}" if is_socket else "",
        username=unquote(username),
        password=unquote(password),
        database="" if is_socket else unquote(path),
        options=_parse_options(query, scheme),
    )


def _parse_server(text: str, scheme: str) -> tuple[str, int]:
    host, colon, port = (text, "", "") if text.endswith("]") else text.rpartition(":")
    host, port = (host, port) if colon or text.endswith("]") else (port, "")
    if not HOST.match(host) and not IPV6.match(host):
        raise ValueError(f"It has no host, or one that is no name and no address. {ENCODE}")
    if not port and not colon:
        return host.strip("[]"), PORTS[scheme]
    if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) <= HIGHEST_PORT:
        raise ValueError(f"Its port is not a number from 1 to {HIGHEST_PORT}. {ENCODE}")
    return host.strip("[]"), int(port)


def _parse_options(query: str, scheme: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError(f"Its options are not NAME=VALUE. {ENCODE}") from None
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("It has an option twice. Remove one.")
    if not options.keys() <= set(OPTIONS[scheme]):
        known = f"knows {', '.join(OPTIONS[scheme])}" if OPTIONS[scheme] else "has no options"
        raise ValueError(f"It has an unknown option. A URL of {scheme}:// {known}. {ENCODE}")
    if options.get("ssl_cert_reqs", "none") not in CHECKS:
        raise ValueError("Its ssl_cert_reqs must be required, optional or none.")
    if options.get("ssl_check_hostname", "true") not in SWITCHES:
        raise ValueError("Its ssl_check_hostname must be true or false.")
    return options


def _joined(urls: list[BrokerUrl]) -> BrokerUrl:
    """Return one URL for all servers of *urls*, which may differ in their servers only."""
    names = ("username", "password", "database")
    parts = {name: {getattr(url, name) for url in urls if getattr(url, name)} for name in names}
    options = {name: {url.options[name] for url in urls if name in url.options} for url in urls for name in url.options}
    if any(len(values) > 1 for values in (*parts.values(), *options.values())):
        raise ValueError("Its servers have different users, passwords, databases or options. Make them equal.")
    return BrokerUrl(
        scheme=urls[0].scheme,
        servers=tuple(server for url in urls for server in url.servers),
        options={name: next(iter(values)) for name, values in options.items()},
        **{name: next(iter(values), "") for name, values in parts.items()},
    )


def _complete(url: BrokerUrl) -> BrokerUrl:
    """Return *url* with its database; raise ValueError when something is missing or fits together with nothing."""
    options = dict(url.options)
    if url.scheme == SENTINEL and not options.get("master_name"):
        raise ValueError("It does not say which master the Sentinels watch. Add ?master_name=NAME.")
    if url.scheme in (REDIS, REDISS) and len(url.servers) > 1:
        raise ValueError(SEVERAL)
    if url.scheme == AMQPS and len(url.servers) > 1:
        # py-amqp would compare the certificates of all of them with the name of the first.
        raise ValueError("It names several servers, and a URL of amqps:// is one server. Put a balancer before them.")
    database = url.database
    if not url.is_redis:
        database = database or "/"
    else:
        given = [options.pop(name, "") for name in DATABASE]
        database = next(filter(None, [*given, database]), "0")
        if not re.fullmatch(r"[0-9]{1,7}", database, re.ASCII) or int(database) > LARGEST_DATABASE:
            raise ValueError(f"Its database is not a number. {ENCODE}")
        database = str(int(database))
    return BrokerUrl(
        scheme=url.scheme,
        servers=url.servers,
        socket=url.socket,
        username=url.username,
        password=url.password,
        database=database,
        options=options,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
