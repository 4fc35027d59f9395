"""Rules that find credentials in URLs, on command lines and in configuration files."""

from assistant.redaction.finding import Kind
from assistant.redaction.rules import ARGUMENT, SURE, Rule, anything, basic, made_up, rule, something

_BEFORE = r"\b[^\n|;]{0,300}?\s"
"""What may stand between a command and its option."""
_IN_ADDRESS = r"(?P<a>(?:(?![?&]\w+=)[^\s\"'<>`]){1,200})@(?=[\w\[%{$])"
"""A password in a URL, up to the last at sign. At signs in the query do not count."""

_OF_ADDRESSES: tuple[Rule, ...] = (
    # After http://host: comes a port. In URLs of other programs, a password may have only digits, or a slash in it.
    rule(
        Kind.PASSWORD, "http|ws", rf"(?:https?|wss?)://[^\s/:@\"'<>]{{0,100}}:(?!\d{{1,5}}[/?#]){_IN_ADDRESS}", anything
    ),
    rule(Kind.PASSWORD, "://", rf"(?<!http)(?<!https)(?<!ws)(?<!wss)://[^\s/:@\"'<>]{{0,100}}:{_IN_ADDRESS}", anything),
    rule(Kind.TOKEN, "://", r"://(?P<a>[^\s/:@\"'<>]{8,300})@", made_up),
    rule(
        Kind.PASSWORD,
        "@tcp(|@tcp6(|@udp(|@unix(|@cloudsql",
        r"(?<![\w/:.@-])[\w.+-]{1,64}:(?P<a>[^\s\"'<>]{1,200})@(?:tcp6?|udp|unix|cloudsql\w*)\(",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "jdbc:|sqlplus|sqlldr|impdp|expdp",
        r"(?:thin:|\s)[\w.]{1,64}/(?P<a>(?:(?![?&]\w+=)[^\s\"'<>`]){1,100})@(?=[\w/])",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "@",
        r"(?<![\w/:.@+-])(?!mailto:|jdbc:)[\w.+-]{1,64}:(?!\d{1,5}[/?#]|//)(?P<a>[^\s\"'<>]{4,100})@(?!sha\d)"
        r"(?=[\w-]+(?:\.[\w-]+|:\d))",
        something,
    ),
)

_OF_COMMANDS: tuple[Rule, ...] = (
    rule(
        Kind.PASSWORD,
        "-u|-a|--user|--auth|--proxy-user",
        r"(?<!\S)(?:-u|-a|--user|--auth|--proxy-user)[= ]?(?!\d+:\d+(?!\S)|[^\s:]+:/)"
        r"(?:\"[^\s:\"']{1,100}:(?P<a>[^\"\n]{1,200})|'[^\s:\"']{1,100}:(?P<b>[^'\n]{1,200})"
        r"|[^\s:\"']{1,100}:(?P<d>[^\s\"']{1,200}))",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "sshpass|login|mongo|cqlsh|clickhouse|influx|snmp|arangosh|cypher-shell|dropdb",
        r"(?:sshpass|\b(?:docker|podman|nerdctl|buildah|skopeo|helm|oc|az|cf|ibmcloud|crane|oras)\b[^\n|;]{0,60}\blogin"
        rf"|mongo\w*|cqlsh|clickhouse-client|influx|cypher-shell){_BEFORE}-p[= ]?{ARGUMENT}",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "mysql|mariadb|mycli|percona|7z",
        rf"(?:mysql\w*|mariadb[\w-]*|mycli|percona[\w-]*|\b7z\w?){_BEFORE}-p(?=[^\s-]){ARGUMENT}",
        anything,
    ),
    rule(
        Kind.PASSWORD, "redis-cli|valkey-cli", rf"(?:redis|valkey)-cli{_BEFORE}(?:-a|--pass)[= ]+{ARGUMENT}", anything
    ),
    rule(Kind.PASSWORD, "ldap", rf"\bldap\w+{_BEFORE}-w\s+{ARGUMENT}", anything),
    rule(
        Kind.PASSWORD,
        "sqlcmd|bcp|isql|ipmitool|mosquitto_|zip",
        rf"\b(?:sqlcmd|bcp|isql|ipmitool|mosquitto_\w+|(?:un)?zip){_BEFORE}-P\s+{ARGUMENT}",
        something,
    ),
    rule(
        Kind.PASSWORD,
        "smbclient|rpcclient|net ",
        r"(?:-U|--user)[= ]?[\"']?[^\s%'\"]+%(?P<a>[^\s\"']{1,200})",
        anything,
    ),
    rule(Kind.PASSWORD, "lftp|ncftp", rf"\bn?c?l?ftp\w*{_BEFORE}-u\s*[^\s,]+,(?P<a>[^\s\"']{{1,200}})", anything),
    rule(
        Kind.PASSWORD,
        "htpasswd",
        r"\bhtpasswd\b(?=[^\n|;]*\s-\w*b)[^\n|;>]*\s(?P<a>[^\s|;>-][^\s|;>]*)[ \t]*(?=$|[|;>])",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "rabbitmqctl|useradd|chpasswd|passwd",
        rf"\brabbitmqctl\s+(?:add_user|change_password|authenticate_user)\s+\S+\s+{ARGUMENT}",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "base64|-stdin|sudo|chpasswd|passwd|login",
        r"\b(?:echo|printf)\s+(?:-\w+\s+)*[\"']?(?:[^\s:\"'|]{1,64}:)?(?P<a>[^\s\"'|]{4,200})[\"']?\s*\|"
        r"[^\n]{0,80}?(?:base64|-stdin|sudo\s+-S|passwd|\blogin)",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "net use",
        r"\bnet use\s+(?:\w:\s+)?\\\\\S+\s+(?P<a>[^\s/*\"'][^\s\"']*)(?=\s|\Z)",
        anything,
    ),
    rule(Kind.PASSWORD, "openssl", rf"\bopenssl{_BEFORE}-k\s+{ARGUMENT}", something),
    rule(Kind.PASSWORD, "pass:", r"(?<![\w/])pass:(?P<a>[^\s\"']{4,200})", anything),
    rule(Kind.PASSWORD, "/p:|/pass|/pwd", r"(?<!\S)/(?:p|pass|password|pwd):(?P<a>[^\s\"']{1,200})", anything),
    rule(
        Kind.PASSWORD,
        "--|-pass|-pwd|-store|-key|-secret",
        rf"(?<!\S)--?(?:\w{{1,20}}-){{0,3}}(?:{SURE}|secret(?:-(?:access-)?key)?|storepass|keypass|requirepass|masterauth)"
        rf"(?:=|\s+)(?!-){ARGUMENT}",
        something,
    ),
    rule(
        Kind.TOKEN,
        "--|-token|-api|-auth",
        rf"(?<!\S)--?(?:\w{{1,20}}-){{0,3}}(?:token|api-?key|access-?key|auth|credentials?)(?:=|\s+)(?!-){ARGUMENT}",
        made_up,
    ),
)

_OF_FILES: tuple[Rule, ...] = (
    rule(
        Kind.PASSWORD,
        "define|set|put|add|env|option|property",
        rf"\b\w*(?:define|set|put|add|env|option|property)\w*\(\s*[\"'][\w.-]{{0,60}}(?:{SURE}|secret)[\w.-]{{0,20}}[\"']\s*,"
        r"\s*[\"'](?P<a>[^\"'\n]{4,300})",
        something,
    ),
    rule(Kind.PASSWORD, "password", rf"\b(?:login|user|account|machine)\s+\S+\s+password\s+{ARGUMENT}", anything),
    rule(Kind.PASSWORD, "password", rf"\bpassword\s+{ARGUMENT}\s+(?:login|account|machine)\s", anything),
    rule(Kind.PASSWORD, ":", r"^[\w.*-]+:(?:\d{2,5}|\*):[\w.*-]+:[\w.*@-]+:(?P<a>[^\s:][^\n]{3,200})$", anything),
    rule(
        Kind.PASSWORD,
        "_auth|_password",
        r"_(?:auth(?:token)?|password)[\"']?\s*[=:]\s*[\"']?(?P<a>[^\s\"']{4,300})",
        anything,
    ),
    rule(Kind.PASSWORD, '"auth"', r"\"auth\"\s*:\s*\"(?P<a>[0-9A-Za-z+/=_-]{4,2000})\"", basic),
    rule(
        Kind.TOKEN,
        "identitytoken|registrytoken",
        r"\"(?:identity|registry)token\"\s*:\s*\"(?P<a>[^\"\n]{4,2000})\"",
        anything,
    ),
    rule(
        Kind.PRIVATE_KEY,
        "client-key-data",
        r"client-key-data[\"']?\s*:\s*[\"']?(?P<a>[0-9A-Za-z+/=\s]{12,4000})",
        anything,
    ),
    rule(
        Kind.PASSWORD, "requirepass|masterauth|psk", rf"^\s*(?:requirepass|masterauth|wpa-psk)\s+{ARGUMENT}", something
    ),
    rule(Kind.PASSWORD, "psk|preshared", rf"\b(?:psk|preshared-?_?key)\s*=\s*{ARGUMENT}", something),
    rule(
        Kind.PASSWORD,
        "password|passwd|passphrase|secret|token|apikey",
        r"<(?:\w+:)?[\w.-]{0,40}(?:password|passwd|passphrase|secret|token|apikey)[\w.-]{0,20}(?:\s[^<>\n]{0,80})?>"
        r"(?P<a>[^<\n]{4,300})</",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "password|secret|token|passwd",
        r"key=\"[^\"\n]{0,60}(?:password|passwd|secret|token)[^\"\n]{0,30}\"\s+value=\"(?P<a>[^\"\n]{1,300})\"",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "value",
        r"\bname[\"']?\s*[:=]\s*[\"']?[\w.-]{0,60}(?:password|passwd|secret|token|pwd|_key)[\"']?,?\s+"
        r"[\"']?value[\"']?\s*[:=]\s*(?:\"(?P<a>[^\"\n]{4,300})|'(?P<b>[^'\n]{4,300})|(?P<d>[^\s\"']{4,300}))",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "$2|$apr1|$1$|$5$|$6$|$y$|$argon2|$scrypt|{ssha|{sha",
        r"(?P<a>\$(?:2[abxy]|apr1|1|5|6|y|argon2\w{1,2}|scrypt)\$[./0-9A-Za-z$=,+-]{20,300}|\{S?SHA\d*\}[0-9A-Za-z+/=]{20,200})",
        anything,
    ),
    rule(
        Kind.PASSWORD,
        "auth|sshpass|pwd",
        rf"(?<![A-Za-z])(?:REDISCLI_AUTH|SSHPASS|[A-Z_]*_AUTH|MYSQL_PWD)=\s{{0,3}}{ARGUMENT}",
        something,
    ),
)

CLIENT_RULES = (*_OF_ADDRESSES, *_OF_COMMANDS, *_OF_FILES)
"""All rules of this module: for URLs, for command lines, and for files."""
