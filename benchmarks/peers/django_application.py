"""
A Django REST framework view behind djangorestframework-api-key, for gunicorn.

Runs in a virtual environment of its own. PEER_DATABASE is the URL of its database.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings

place = urlsplit(os.environ["PEER_DATABASE"])
settings.configure(
    DEBUG=False,
    SECRET_KEY="a secret of a benchmark, which protects nothing",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework", "rest_framework_api_key"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # without it, answers have no length
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": place.path[1:],
            "HOST": place.hostname,
            "PORT": place.port or 5432,
            "USER": place.username,
            "PASSWORD": place.password or "",
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up first
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey, KeyParser  # noqa: E402


class BearerParser(KeyParser):  # type: ignore[misc]
    """Reads the key from `Authorization: Bearer`, as all applications of this benchmark do."""

    keyword = "Bearer"


class HasKey(HasAPIKey):  # type: ignore[misc]
    """The package's permission."""

    key_parser = BearerParser()


class Verify(APIView):  # type: ignore[misc]
    """Answers 200 if the key is good."""

    permission_classes = (HasKey,)

    def get(self, request: Any) -> Response:
        """Answers with the start of the key, which identifies it."""
        return Response({"keyId": request.headers["authorization"].split()[1].partition(".")[0]})


urlpatterns = [path("v1/verify", Verify.as_view())]
application = get_wsgi_application()


def make_keys(number: int, file: Path) -> None:
    """Makes the tables and the keys, and writes the keys into the file."""
    call_command("migrate", verbosity=0)
    file.write_text("\n".join(APIKey.objects.create_key(name=f"key {place}")[1] for place in range(number)))


if __name__ == "__main__":
    import sys

    make_keys(int(sys.argv[1]), Path(sys.argv[2]))
