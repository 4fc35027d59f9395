"""
Real proxies in front of Keydesk itself, as processes of the tests.

RECOMMENDED are the recipes of docs/guide/behind-a-proxy.md. AS_FOUND are other common configurations: the defaults of
these programs, and the lines for websockets that many configurations contain. All of them share few connections to
Keydesk between all clients.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.support.documentation import ROOT
from tests.support.gateways.gateways import recipe, swap
from tests.support.gateways.programs import Program

Configure = Callable[[int, int, Path], Sequence[str]]
"""Writes the configuration for Keydesk's port and the proxy's own into the folder; returns the program's arguments."""

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
NGINX_MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"
NGINX_MAP_KEPT = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }"


def nginx_of(inside_http: str, folder: Path) -> Sequence[str]:
    """Runs nginx in one process, without root."""
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = " ".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr notice; events {{ }}\n"
        f"http {{ access_log {folder}/access.log; {kept}\n{inside_http}\n}}\n"
    )
    return "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")


def nginx(lines: str, keydesk: int, port: int, folder: Path, *, before: str = "") -> Sequence[str]:
    """A location that passes every request on, with these lines."""
    return nginx_of(
        f"{before}\nupstream keydesk {{ server 127.0.0.1:{keydesk}; keepalive 2; }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://keydesk; proxy_http_version 1.1;\n"
        f"{lines}\n}} }}",
        folder,
    )


def caddy(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """A configuration of one line."""
    return caddy_of(f"http://:{port} {{\n\treverse_proxy 127.0.0.1:{keydesk}\n}}\n", folder)


def caddy_of(text: str, folder: Path) -> Sequence[str]:
    """Adds global options."""
    options = "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n"
    (folder / "Caddyfile").write_text(options + text)
    return "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"


def haproxy(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """Sends any request over any connection."""
    return haproxy_of(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        "  http-reuse always\n"
        f"frontend f\n  bind 127.0.0.1:{port}\n  default_backend keydesk\n"
        f"backend keydesk\n  server one 127.0.0.1:{keydesk} maxconn 4\n",
        folder,
    )


def haproxy_of(text: str, folder: Path) -> Sequence[str]:
    """Runs HAProxy in one thread, without root."""
    beginning = "global\n  nbthread 1\n  log stdout format raw local0 notice\n"
    (folder / "haproxy.cfg").write_text(beginning + text)
    return "-f", str(folder / "haproxy.cfg"), "-db"


def traefik(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """A router for every request."""
    (folder / "traefik.yml").write_text(
        f'entryPoints:\n  web:\n    address: "127.0.0.1:{port}"\n'
        f"providers:\n  file:\n    filename: {folder}/keydesk.yml\n"
    )
    (folder / "keydesk.yml").write_text(
        "http:\n  routers:\n    all:\n      rule: PathPrefix(`/`)\n      service: keydesk\n"
        "  services:\n    keydesk:\n      loadBalancer:\n        serversTransport: few\n"
        f"        servers:\n          - url: http://127.0.0.1:{keydesk}\n"
        "  serversTransports:\n    few:\n      maxIdleConnsPerHost: 2\n"
    )
    return (f"--configFile={folder}/traefik.yml",)


def envoy(upgrades: str, keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """A route for every request, and few connections for all clients."""
    return envoy_of(
        f"""
static_resources:
  listeners:
    - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/{MANAGER}
                stat_prefix: web
                {upgrades}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{{match: {{prefix: /}}, route: {{cluster: keydesk}}}}]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
    - name: keydesk
      circuit_breakers: {{thresholds: [{{max_connections: 4}}]}}
      load_assignment:
        cluster_name: keydesk
        endpoints:
          - lb_endpoints:
              - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {keydesk}}}}}}}
""",
        folder,
    )


def envoy_of(text: str, folder: Path) -> Sequence[str]:
    """Runs Envoy so that several processes on a machine don't conflict."""
    (folder / "envoy.yaml").write_text(text)
    return "-c", str(folder / "envoy.yaml"), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"


PAGE = ROOT / "docs" / "guide" / "behind-a-proxy.md"


def _written(heading: str, number: int, keydesk: int, port: int, *, listen: tuple[str, str]) -> str:
    """A block of the page, with Keydesk's port and the proxy's own address filled in; both must occur in the block."""
    text = recipe(heading, PAGE)[number]
    if "127.0.0.1:8000" in text or "port_value: 8000" in text:
        text = re.sub(r"\b8000\b", str(keydesk), text)
    return swap(text, listen[0], listen[1].replace("PORT", str(port))) if listen[0] else text


def recommended_nginx(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """The recipe of the page."""
    text = _written("nginx", 0, keydesk, port, listen=("listen 8080;", "listen 127.0.0.1:PORT;"))
    return nginx_of(text, folder)


def recommended_caddy(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """The recipe of the page, after global options."""
    text = _written("Caddy", 0, keydesk, port, listen=(":8080 {\n", "http://:PORT {\n"))
    return caddy_of(text, folder)


def recommended_haproxy(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """The recipe of the page, after a global section."""
    text = _written("HAProxy", 0, keydesk, port, listen=("bind :8080", "bind 127.0.0.1:PORT"))
    return haproxy_of(text, folder)


def recommended_traefik(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """Both files of the page."""
    static = _written("Traefik", 0, keydesk, port, listen=('":8080"', '"127.0.0.1:PORT"'))
    dynamic = _written("Traefik", 1, keydesk, port, listen=("", ""))
    (folder / "traefik.yml").write_text(swap(static, "/etc/traefik/keydesk.yml", f"{folder}/keydesk.yml"))
    (folder / "keydesk.yml").write_text(dynamic)
    return (f"--configFile={folder}/traefik.yml",)


def recommended_envoy(keydesk: int, port: int, folder: Path) -> Sequence[str]:
    """The recipe of the page."""
    listen = ("address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: PORT")
    return envoy_of(_written("Envoy", 0, keydesk, port, listen=listen), folder)


RECOMMENDED: dict[str, tuple[str, Configure]] = {
    "nginx": ("nginx", recommended_nginx),
    "Caddy": ("caddy", recommended_caddy),
    "HAProxy": ("haproxy", recommended_haproxy),
    "Traefik": ("traefik", recommended_traefik),
    "Envoy": ("envoy", recommended_envoy),
}
"""The program of each, and its configuration."""

FORWARD_UPGRADE = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection"

AS_FOUND: dict[str, tuple[str, Configure]] = {
    "nginx": ("nginx", partial(nginx, 'proxy_set_header Connection "";')),
    "nginx with websockets, fixed": ("nginx", partial(nginx, f'{FORWARD_UPGRADE} "upgrade";')),
    "nginx with websockets, by a map": (
        "nginx",
        partial(nginx, f"{FORWARD_UPGRADE} $connection_upgrade;", before=NGINX_MAP),
    ),
    "nginx with websockets, by a map, kept alive": (
        "nginx",
        partial(nginx, f"{FORWARD_UPGRADE} $connection_upgrade;", before=NGINX_MAP_KEPT),
    ),
    "nginx unbuffered": (
        "nginx",
        partial(nginx, f'proxy_request_buffering off; {FORWARD_UPGRADE} "upgrade";'),
    ),
    "Caddy": ("caddy", caddy),
    "HAProxy": ("haproxy", haproxy),
    "Traefik": ("traefik", traefik),
    "Envoy": ("envoy", partial(envoy, "")),
    "Envoy with upgrades": (
        "envoy",
        partial(envoy, "upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: foo}, {upgrade_type: h2c}]"),
    ),
}
"""The program of each, and its configuration."""


class Proxy(Program):
    """A proxy's process, until it is closed."""

    def __init__(self, program: str, configure: Configure, keydesk: int, folder: Path) -> None:
        """Skips the test if the program is not installed; in CI the test fails."""
        super().__init__(program, partial(configure, keydesk), folder, route="/healthz")
