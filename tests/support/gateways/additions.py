"""The additions of docs/guide/gateways.md for special cases, inserted where the page says."""

from pathlib import Path

from tests.support.gateways.gateways import Change, recipe, swap

INCLUDED = "/etc/nginx/keydesk-cors.inc"


def cors(kind: str, folder: Path) -> Change:
    """Adds what browsers need. Files that the recipe includes are written to the folder."""
    blocks = recipe(f"CORS in {names()[kind]}")

    def nginx(text: str) -> str:
        maps, headers, server = blocks
        included = folder / "keydesk-cors.inc"
        included.write_text(headers)
        include = f"        include {INCLUDED};\n"
        text = _after(text, "    listen 8080;\n", server)
        text = _after(text, "    location @refused {\n", include)
        text = _after(text, '        if ($keydesk_problem = "") {\n', include)
        return maps + text.replace(INCLUDED, str(included))

    def caddy(text: str) -> str:
        (block,) = blocks
        assert text.count("\t\troute {\n") == 2
        return block + text.replace("\t\troute {\n", "\t\troute {\n\t\t\timport cors\n")

    def traefik(text: str) -> str:
        (block,) = blocks
        assert text.count("middlewares: [") == 3
        text = text.replace("middlewares: [crawler-agent", "middlewares: [cors, crawler-agent")
        text = text.replace("middlewares: [biller-agent", "middlewares: [cors, biller-agent")
        return _after(text, "\n  middlewares:\n", block)

    def envoy(text: str) -> str:
        filters, policy = blocks
        text = _after(text, "                http_filters:\n", filters)
        return _after(text, '                      domains: ["*"]\n', policy)

    return {"nginx": nginx, "caddy": caddy, "traefik": traefik, "envoy": envoy}[kind]


def websockets(kind: str) -> Change:
    """Adds what agents with WebSocket need."""

    def nginx(text: str) -> str:
        maps, server = recipe("WebSockets in nginx")
        return maps + text.replace('    proxy_set_header Connection "";\n', server, 1)

    def envoy(text: str) -> str:
        (line,) = recipe("WebSockets in Envoy")
        return _after(text, "                stat_prefix: agents\n", line)

    def nothing(text: str) -> str:
        return text

    return {"nginx": nginx, "envoy": envoy}.get(kind, nothing)


def names() -> dict[str, str]:
    """The names of gateways as the page writes them."""
    return {"nginx": "nginx", "caddy": "Caddy", "traefik": "Traefik", "envoy": "Envoy"}


def _after(text: str, line: str, added: str) -> str:
    return swap(text, line, line + added)
