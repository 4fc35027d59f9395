"""Words that people search the documentation for, where the section with the answer uses others."""

from collections.abc import Mapping

ALSO_FOUND_BY: Mapping[str, str] = {
    "/docs/guide/deploy": "production deployment self-hosted self hosting on-premises vm linux debian ubuntu",
    "/docs/guide/deploy#install": "download requirements prerequisites",
    "/docs/guide/deploy#systemd": "service unit daemon autostart journalctl",
    "/docs/guide/deploy#tls-and-the-proxy-in-front": "https ssl certificate letsencrypt certbot reverse proxy",
    "/docs/guide/deploy#sizing": "capacity performance throughput scale scaling cpu ram hardware load horizontal",
    "/docs/guide/deploy#kubernetes": "kubernetes k8s helm chart pod kubectl openshift orchestration",
    "/docs/guide/deploy#backup": "cron nightly disaster recovery",
    "/docs/guide/build-your-own-ui": "frontend front-end react vue svelte angular spa custom console",
    "/docs/guide/build-your-own-ui#cors": "cors cross-origin preflight access-control-allow-origin localhost",
    "/docs/guide/build-your-own-ui#types-and-codegen": "typescript codegen graphql-codegen introspection urql apollo",
    "/docs/guide/build-your-own-ui#iframes": "iframe frame embed widget component x-frame-options frame-ancestors",
    "/docs/guide/python": "sdk library package pip python fastapi litestar starlette django flask asgi middleware",
    "/docs/guide/python#fastapi": "fastapi depends dependency",
    "/docs/guide/express": "express node nodejs node.js javascript typescript middleware sdk",
    "/docs/guide/use-it-in-your-product": "integrate integration saas white label embedded",
    "/docs/guide/use-it-in-your-product#learning-of-changes": "webhook webhooks events notifications callback polling",
    "/docs/guide/single-sign-on": "sso saml oidc oauth azure active directory",
    "/docs/guide/usage": "rate limiting throttling analytics billing",
    "/docs/guide/operating#metrics": "prometheus grafana monitoring alerts alerting dashboard",
    "/docs/guide/operating#traces": "opentelemetry otel jaeger tracing",
    "/docs/guide/operating#what-is-kept-and-how-long": "retention gdpr privacy personal data",
    "/docs/guide/operating#containers": "docker image container compose",
    "/docs/guide/faq#how-do-i-rotate-keys-on-a-schedule": "automatic automatically rotation every 90 days cron expiry",
    "/docs/guide/faq#can-i-bind-a-key-to-ip-addresses": "restrict limit allowlist address range cidr firewall",
    "/docs/guide/faq#can-i-use-a-key-in-a-mobile-app-or-a-web-page": "browser frontend ios android javascript client",
    "/docs/guide/faq#what-can-i-show-an-auditor": "audit audits evidence compliance soc2 iso",
    "/docs/guide/faq#why-does-my-header-get-lost-on-the-way": "cloudflare cdn proxy drops strips removes apache",
    "/docs/guide/people": "onboarding offboarding invite user users account accounts team",
    "/docs/reliability#failover": "high availability ha standby replica cluster",
}
"""By the section's address on the server. They weigh as much as the words of its title."""
