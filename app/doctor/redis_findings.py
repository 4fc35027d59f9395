"""Checks Redis for `keydesk doctor`: whether it answers, is configured as needed, and can count."""

import asyncio
from collections.abc import Mapping
from typing import Any

import redis.asyncio
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from app.doctor.finding import Finding
from app.observability.redis_check import counting_fault
from keys.token import Secret

REDIS_TIMEOUT_SECONDS = 2.0
REDIS_VERSION_AT_LEAST = 7
KEEPS_EVERYTHING = "noeviction"


async def redis_finding(url: Secret | None) -> Finding:
    """Finds out whether limits can be counted in this Redis and, if not, what to do."""
    if url is None:
        return Finding("redis", True, "not set; each process counts limits separately, which is fine for one process")
    try:
        client = redis.asyncio.from_url(url.reveal())
    except ValueError:
        return Finding("redis", False, "KEYDESK_REDIS_URL is not a valid URL such as redis://host:6379/0")
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
            found = await _redis_info(client)
        fault = await counting_fault(url, timeout_seconds=REDIS_TIMEOUT_SECONDS) if found.is_ok else None
        return found if fault is None else Finding("redis", False, fault)
    except (AuthenticationError, AuthenticationWrongNumberOfArgsError):
        return Finding("redis", False, "refuses the user or password in KEYDESK_REDIS_URL")
    except TimeoutError:
        return Finding("redis", False, _silent(url))
    except ResponseError as error:
        if "DB index" in str(error):
            return Finding("redis", False, "has no database with the number in KEYDESK_REDIS_URL; use 0")
        return Finding("redis", False, f"answers with an error ({type(error).__name__}); check KEYDESK_REDIS_URL")
    except (RedisError, OSError) as error:
        return Finding("redis", False, f"does not answer ({type(error).__name__}); check KEYDESK_REDIS_URL")
    finally:
        await client.aclose()


def _silent(url: Secret) -> str:
    words = f"does not answer within {REDIS_TIMEOUT_SECONDS:g} s; check KEYDESK_REDIS_URL"
    return words + (
        ", and check that it uses TLS; if it does not, write redis://" if url.reveal().startswith("rediss:") else ""
    )


async def _redis_info(client: redis.asyncio.Redis) -> Finding:
    try:
        return redis_itself(await client.info())
    except NoPermissionError:
        return Finding(
            "redis", True, "answers; its user is not allowed to run INFO, so its version and settings were not checked"
        )


def redis_itself(info: Mapping[str, Any]) -> Finding:
    """
    Checks the answer of the command INFO.

    Redis must be new enough and a primary without cluster mode, and should not evict keys when its memory is full.
    """
    is_valkey = "valkey_version" in info
    name = f"Valkey {info['valkey_version']}" if is_valkey else f"Redis {info['redis_version']}"
    if not is_valkey and int(str(info["redis_version"]).partition(".")[0]) < REDIS_VERSION_AT_LEAST:
        return Finding("redis", False, f"{name} is too old; use Redis {REDIS_VERSION_AT_LEAST} or newer, or Valkey")
    if info.get("redis_mode") == "cluster" or info.get("cluster_enabled"):
        return Finding("redis", False, f"{name} is a cluster; use one primary without cluster mode")
    if info.get("role") != "master":
        return Finding("redis", False, f"{name} is a replica, which counts nothing; use its primary")
    policy = info.get("maxmemory_policy")
    if info.get("maxmemory") and policy != KEEPS_EVERYTHING:
        return Finding(
            "redis",
            True,
            f"{name} answers; warning: when its memory is full it drops counts (maxmemory-policy {policy}), so that "
            f"more requests than the limit can pass; set maxmemory-policy to {KEEPS_EVERYTHING}",
        )
    return Finding("redis", True, f"{name} answers")
