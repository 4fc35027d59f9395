"""Checks Redis for `keydesk doctor`: whether it answers, is configured as needed, and can count."""

import asyncio
from collections.abc import Mapping, Sequence
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
from keys.limits.redis_source import NoPrimary, RedisSource, SentinelAnswer, SentinelRedis, redis_source
from keys.token import Secret

REDIS_TIMEOUT_SECONDS = 2.0
REDIS_VERSION_AT_LEAST = 7
SENTINELS_AT_LEAST = 3
KEEPS_EVERYTHING = "noeviction"


async def redis_finding(url: Secret | None) -> Finding:
    """Finds out whether limits can be counted in this Redis and, if not, what to do."""
    if url is None:
        return Finding("redis", True, "not set; each process counts limits separately, which is fine for one process")
    try:
        source = redis_source(url)
    except ValueError:
        return Finding("redis", False, "KEYDESK_REDIS_URL is not a valid URL such as redis://host:6379/0")
    if isinstance(source, SentinelRedis):
        return await _behind_sentinels(source, url)
    return await _finding(source, url, redis.asyncio.from_url(url.reveal()))


async def _behind_sentinels(source: SentinelRedis, url: Secret) -> Finding:
    answers = await source.ask_all()
    if (fault := sentinel_fault(answers)) is not None:
        return Finding("redis", False, fault)
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
            host, port = await source.primary()
    except NoPrimary:
        return Finding("redis", False, "the sentinels say that the primary is down, and have not replaced it")
    except TimeoutError:
        return Finding("redis", False, "the sentinels do not answer; check KEYDESK_REDIS_URL")
    finally:
        await source.close()
    finding = await _finding(source, url, redis.asyncio.Redis(host=host, port=port, **_account(source)))
    if not finding.is_ok:
        return finding
    warnings = sentinel_warnings(answers)
    return Finding("redis", True, "; warning: ".join([_with_sentinels(finding.detail, answers), *warnings]))


def _account(source: SentinelRedis) -> dict[str, Any]:
    account = source.account()
    return {"ssl": True, **account} if source.is_tls else account


def _with_sentinels(detail: str, answers: Sequence[SentinelAnswer | BaseException]) -> str:
    working = sum(isinstance(answer, SentinelAnswer) for answer in answers)
    return f"{detail}, found by {working} sentinel{'' if working == 1 else 's'}"


def sentinel_fault(answers: Sequence[SentinelAnswer | BaseException]) -> str | None:
    """Why no sentinel names a primary, and what to do; None if one does."""
    if any(isinstance(answer, SentinelAnswer) for answer in answers):
        return None
    if any(isinstance(answer, (AuthenticationError, AuthenticationWrongNumberOfArgsError)) for answer in answers):
        return "the sentinels refuse the user or password; set sentinel_username and sentinel_password in the URL"
    if any(isinstance(answer, NoPermissionError) for answer in answers):
        return "the sentinels' user is not allowed to run SENTINEL MASTER; allow it with ACL SETUSER NAME +sentinel"
    if any(isinstance(answer, ResponseError) and "No such master" in str(answer) for answer in answers):
        return "the sentinels do not know the service in KEYDESK_REDIS_URL; use the name of their `sentinel monitor`"
    if any(isinstance(answer, ResponseError) for answer in answers):
        return "answers, but is not a sentinel; give the sentinels' ports (26379), or use redis:// for a Redis"
    return "no sentinel in KEYDESK_REDIS_URL answers; check hosts and ports"


def sentinel_warnings(answers: Sequence[SentinelAnswer | BaseException]) -> list[str]:
    """What could keep the sentinels from replacing the primary."""
    working = sum(isinstance(answer, SentinelAnswer) for answer in answers)
    warnings = []
    if working < len(answers):
        warnings.append(
            f"{len(answers) - working} of {len(answers)} sentinels do not answer or do not know the service"
        )
    if len(answers) < SENTINELS_AT_LEAST:
        warnings.append(
            f"name all sentinels in KEYDESK_REDIS_URL; {SENTINELS_AT_LEAST} or more are needed to fail over"
        )
    return warnings


async def _finding(source: RedisSource, url: Secret, client: redis.asyncio.Redis) -> Finding:
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
            found = await _redis_info(client)
        fault = await counting_fault(source, timeout_seconds=REDIS_TIMEOUT_SECONDS) if found.is_ok else None
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
    scheme = url.reveal().partition(":")[0]
    return words + (
        f", and check that it uses TLS; if it does not, write {scheme.replace('rediss', 'redis')}://"
        if scheme.startswith("rediss")
        else ""
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
