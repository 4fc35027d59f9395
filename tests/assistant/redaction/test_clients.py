"""Redaction of passwords in addresses, on command lines, in the configuration of clients, and in sentences."""

import base64

import pytest

from assistant.redaction.redact import redact
from keys.verification.malformed_rules import FormatError
from tests.assistant.redaction.test_redact_others import LETTERS, PEM_LINES, PRIVATE, TOKENS, pem
from tests.support.keys.disguises import PREFIXES
from tests.support.parameters import in_turn

# A text, and its secret parts. Each {} is one of them.
PLAIN, SLASHED, SIGNED, SPACED = "zebra7quagga", "w0nder/land+7", "al1ce@land:5", "correct horse battery"
UUID = "7f1c9a52-3b1e-4c55-9d1f-0a2b3c4d5e6f"
BASIC = base64.b64encode(b"ada:wonderland").decode()

ADDRESSES = [
    "https://ada:{}@keys.example.com/v1",
    "http://ada:{}@127.0.0.1:8000/",
    "postgresql+asyncpg://keydesk:{}@db.internal:5432/keydesk?ssl=require",
    "redis://:{}@cache:6379/0",
    "amqp://guest:{}@rabbit/%2Fvhost",
    "mongodb+srv://app:{}@cluster0.example.net/?retryWrites=true",
    "smtp://ada%40example.com:{}@mail.example.com:587",
    "git clone https://ada:{}@git.example.com/team/repo.git",
    "proxy = http://ada:{}@proxy.example.com:3128",
    "extra-index-url = https://ada:{}@pypi.example.com/simple",
    "DATABASE_URL=mysql://app:{}@db/prod",
    '{{"url": "ftp://ada:{}@files.example.com"}}',
    "keydesk:{}@tcp(db.internal:3306)/keydesk?parseTime=true",
    "app:{}@unix(/run/mysqld.sock)/app",
    "jdbc:oracle:thin:scott/{}@//db.example.com:1521/orcl",
    "sqlplus scott/{}@orcl",
    "scp report.csv ada:{}@files.example.com:/srv",
]
COMMANDS = [
    "curl -u ada:{} https://keys.example.com",
    "curl --user 'ada:{}' https://keys.example.com",
    'curl -H "Authorization: Token {}" https://x',
    "curl -H 'X-API-Key: {}' https://x",
    "mysql -u root -p{} keydesk",
    "mysqldump -h db -u root -p'{}' keydesk > dump.sql",
    "mysql --user=root --password={} keydesk",
    "sshpass -p {} ssh ada@host",
    "sshpass -p '{}' scp a b:",
    "docker login -u ada -p {} registry.example.com",
    "echo {} | docker login -u ada --password-stdin",
    "helm registry login -u ada -p '{}' registry.example.com",
    "az login --service-principal -u app -p {} --tenant t",
    "PGPASSWORD={} psql -h db -U keydesk",
    "PGPASSWORD='{}' pg_dump keydesk",
    "MYSQL_PWD={} mysql",
    "REDISCLI_AUTH={} redis-cli ping",
    "redis-cli -h cache -a {} ping",
    "redis-cli -a '{}' --no-auth-warning",
    "ldapsearch -x -D cn=admin -w {} -b dc=example",
    "sqlcmd -S db -U sa -P {} -Q 'select 1'",
    "htpasswd -b -c users.htpasswd ada {}",
    "htpasswd -nbB ada {}",
    "mosquitto_pub -h mq -u ada -P {} -t a -m b",
    "mongosh --host db -u ada -p {}",
    "smbclient //host/share -U ada%{}",
    "wget --user=ada --password={} https://x",
    "wget --http-password={} https://x",
    "rabbitmqctl add_user ada {}",
    "openssl rsa -in key.pem -passin pass:{}",
    "keytool -list -keystore a.jks -storepass {}",
    "xfreerdp /u:ada /p:{} /v:host",
    "7z x -p{} backup.7z",
    "gpg --batch --passphrase {} -d a.gpg",
    "kubectl create secret generic db --from-literal=password={}",
    "ansible-playbook site.yml -e ansible_password={}",
    "java -Djavax.net.ssl.keyStorePassword={} -jar app.jar",
    "ipmitool -H host -U admin -P {} chassis status",
]
CONFIGURATION = [
    "machine keys.example.com login ada password {}",
    "machine keys.example.com\n  login ada\n  password {}\n",
    "db.internal:5432:keydesk:keydesk:{}",
    "*:*:*:ada:{}",
    "[client]\nuser = root\npassword = {}\nhost = db",
    "[client]\npassword={}",
    '[client]\npassword = "{}"',
    "//registry.example.com/:_authToken={}",
    "_password={}",
    "[pypi]\nusername = ada\npassword = {}",
    "[default]\naws_access_key_id = x\naws_secret_access_key = {}",
    "spring.datasource.password={}",
    "spring:\n  datasource:\n    password: {}\n",
    "Server=db;Database=keydesk;User Id=ada;Password={};Encrypt=true",
    "Server=db;Uid=ada;Pwd={};",
    '{{"ConnectionStrings": {{"Default": "Host=db;Username=ada;Password={}"}}}}',
    "DB_PASSWORD={}\nDB_HOST=db",
    "SMTP_PASS='{}'",
    'export REDIS_PASSWORD="{}"',
    "requirepass {}",
    "<server><id>x</id><username>ada</username><password>{}</password></server>",
    '<add key="SmtpPassword" value="{}" />',
    "- name: DB_PASSWORD\n  value: {}",
    '{{"name": "DB_PASSWORD", "value": "{}"}}',
    'psk="{}"',
    "environment:\n  POSTGRES_PASSWORD: {}\n",
    "smtp_password => '{}',",
    '  "password": "{}",',
    "define('DB_PASSWORD', '{}');",
]
SENTENCES = [
    "my password is {}",
    "The password is {}, and it does not work.",
    "my password for keydesk is {}",
    "password: {}",
    "Passwort: {}",
    "mein Passwort ist {}",
    "Das Kennwort lautet {} und geht nicht",
    "mot de passe : {}",
    "mon mot de passe est {}.",
    "contraseña: {}",
    "mi contraseña es {}",
    "senha: {}",
    "minha senha é {}",
    "パスワード：{}",
    "パスワードは {} です",
    "密码：{}",
    "我的密码是 {}",
    "I sign in with ada@example.com / password {}: nothing happens",
]
WITHOUT_SPACES = [PLAIN, SLASHED, SIGNED, "Tr0ub4dor&3", "p%ss#w0rd!"]


def kept_of(secret: str, text: str) -> list[str]:
    """The substrings of four characters of a password that are still in the text."""
    return [part for part in (secret[at : at + 4] for at in range(len(secret) - 3)) if part in text]


@pytest.mark.parametrize("secret", WITHOUT_SPACES)
@pytest.mark.parametrize("text", ADDRESSES)
def test_a_password_in_an_address_is_not_kept(text: str, secret: str) -> None:
    """Also with a slash or an at sign in it; the host stays."""
    left = redact(text.format(secret), PREFIXES).text

    assert kept_of(secret, left) == []
    assert left.partition("[password]")[0] == text.format("|").partition("|")[0]


@pytest.mark.parametrize("secret", [PLAIN, SLASHED, "Tr0ub4dor-3"])
@pytest.mark.parametrize("text", COMMANDS)
def test_a_password_on_a_command_line_is_not_kept(text: str, secret: str) -> None:
    """Of common clients, after their option."""
    left = redact(text.format(secret), PREFIXES).text

    assert kept_of(secret, left) == []
    assert left.startswith(text.split()[0].partition("=")[0])


@pytest.mark.parametrize("secret", [PLAIN, SLASHED, "letmein"])
@pytest.mark.parametrize("text", CONFIGURATION)
def test_a_password_in_a_configuration_file_is_not_kept(text: str, secret: str) -> None:
    """Of common clients, in their format."""
    left = redact(text.format(secret), PREFIXES).text

    assert kept_of(secret, left) == []
    assert left.startswith(text.format("")[:4])


@pytest.mark.parametrize(
    "text", [each for each in CONFIGURATION if '"{}"' in each or "'{}'" in each or " = {}" in each]
)
def test_a_pass_phrase_goes_whole(text: str) -> None:
    """Between quotes, or up to the end of its line."""
    assert kept_of(SPACED, redact(text.format(SPACED), PREFIXES).text) == []


@pytest.mark.parametrize("secret", [PLAIN, "Tr0ub4dor&3", "p%ss#w0rd!", "Xk!9"])
@pytest.mark.parametrize("text", SENTENCES)
def test_a_password_in_a_sentence_is_not_kept(text: str, secret: str) -> None:
    """In the seven languages, and only the password."""
    if text.startswith("I sign in"):
        secret = PLAIN
    left = redact(text.format(secret), PREFIXES).text

    assert kept_of(secret, left) == []
    assert left.startswith(text.partition("{")[0])


@pytest.mark.parametrize(
    "text",
    [
        "my password is wrong",
        "the password is well-known here, and was up-to-date yesterday",
        "mein Passwort ist abgelaufen",
        "mon mot de passe est incorrect.",
        "mi contraseña es incorrecta",
        "minha senha é antiga",
        "パスワードは間違っています",
        "the password was 30 days old",
        "http://localhost:8000/users/@me and https://x.example:8443/a@b",
        "docker run -u 1000:1000 -p 8080:80 keydesk",
        "ssh -p 2222 ada@host; mkdir -p /srv/data; cp -p a b",
        "mysql -u root -p keydesk",
        "echo $PASSWORD | docker login -u ada --password-stdin",
        "sshpass -p $SSH_PASSWORD ssh ada@host",
        "PWD=/home/ada/app OLDPWD=/home/ada",
        "curl -u ada https://keys.example.com",
        "git clone git@github.com:team/repo.git",
        "rsync -a ada@host:/srv/ /srv/",
        "password = get_password(user)",
        "password: String, passwordConfirmation: String",
        "mailto:ada@example.com",
        "image: ghcr.io/team/app@sha256:" + "0123456789abcdef" * 4,
        "password-stdin is the option",
        "10.0.0.7:443:api:v1:ok",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    """Ports, paths, users, options without a password, and sentences about passwords."""
    assert redact(text, PREFIXES).text == text


@pytest.mark.parametrize(
    ("name", "token", "at"), in_turn([each for each in TOKENS if len(each[1]) > 30][::2], [9, 14, 20, 27])
)
def test_a_vendors_token_over_two_lines_is_not_kept(name: str, token: str, at: int) -> None:
    """Both halves are removed; the words of the next line stay."""
    left = redact(f"I set {token[:at]}\n{token[at:]}\nand it fails", PREFIXES).text

    assert kept_of(token[at:], left) == []
    assert left.endswith("\nand it fails")


def test_a_private_key_is_not_kept_however_it_is_shown() -> None:
    """Quoted, numbered, in JSON, in base64, and in a kubeconfig."""
    key = pem(f"RSA {PRIVATE}")
    encoded = base64.b64encode(key.encode()).decode()
    for text in (
        "\n".join(f"> {line}" for line in key.splitlines()),
        "\n".join(f"{at:3}  {line}" for at, line in enumerate(key.splitlines(), 1)),
        "\n".join(f"{at:3}  {line}" for at, line in enumerate(key.splitlines()[:2], 1)),
        key.replace("\n", "\\n"),
        encoded,
        f"client-key-data: {encoded}",
        f"client-key-data: {encoded[:60]}",
    ):
        left = redact(f"this is it:\n{text}\n", PREFIXES).text

        assert kept_of(PEM_LINES[:40], left) == []
        assert kept_of(encoded, left) == []


def test_a_hash_of_a_password_is_not_kept() -> None:
    """Attackers can guess passwords against it."""
    for text in ("ada:$2y$05$" + LETTERS + "0123456789abc", "ada:$apr1$x8Kq2Lm9$" + LETTERS[:22], "{SSHA}" + LETTERS):
        assert redact(text, PREFIXES).text.endswith("[password]")


def test_a_uuid_that_is_sent_as_a_key_is_a_secret() -> None:
    """Other services issue such keys; elsewhere a UUID is an id, and stays."""
    redacted = redact(f"X-API-Key: {UUID} for trace {UUID}", PREFIXES)

    assert redacted.text == f"X-API-Key: [token] for trace {UUID}"
    assert [piece.malformed and piece.malformed.error for piece in redacted.pieces] == [FormatError.UUID]


def test_basic_credentials_in_a_docker_file() -> None:
    """These can be short."""
    assert redact(f'{{"auths": {{"x": {{"auth": "{BASIC}"}}}}}}', PREFIXES).text.endswith('"auth": "[password]"}}}')
    assert "dTpw" not in redact('{"auth": "dTpw"}', PREFIXES).text


@pytest.mark.parametrize(
    "text",
    [
        "the password for the staging server is {}",
        "das Kennwort für den Server ist {}",
        "das Passwort vom alten Rechner lautet {}",
        "le mot de passe du serveur est {}",
        "la contraseña de la base de datos es {}",
        "a senha do servidor é {}",
        r"net use X: \\files\share {} /user:ada",
    ],
)
def test_a_password_goes_though_words_say_what_it_is_for(text: str) -> None:
    """A few words stand between the word for a password and the verb."""
    assert redact(text.format("Tr0ub4dor&3x"), PREFIXES).text == text.format("[password]")
