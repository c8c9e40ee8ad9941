"""Settings of the opt-out desk. Every value comes from the environment, with `.env` read if present.

Secrets may also come from a file named by `<NAME>_FILE`. Without `DATABASE_URL` the embedded default runs: SQLite under
`var/`, no broker, secrets made on the first start. `docs/settings.md` says what each value does.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from optout_admin import embedded
from optout_admin.unfold import UNFOLD  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]
environ.Env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

# Where we run ---------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", _public.hostname or "localhost"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

PROVIDER_TOKENS = {
    name: env.str(name, default="")
    for name in ("WHATSAPP_ACCESS_TOKEN", "TWILIO_AUTH_TOKEN", "MARKETING_CLOUD_CLIENT_SECRET")
}
EMBEDDED = not env.str("DATABASE_URL", default="")
DEMO = env.bool("DEMO", default=EMBEDDED and not any(PROVIDER_TOKENS.values()))
if DEMO and not EMBEDDED:
    raise ImproperlyConfigured("DEMO fills a database with sample data, so it never runs with DATABASE_URL. Unset one.")
_graph_api = env.str("WHATSAPP_API_URL", default="")
if DEMO and urlsplit(_graph_api).hostname not in {None, "127.0.0.1", "::1", "localhost"}:
    raise ImproperlyConfigured("The demo never talks to a real provider: unset WHATSAPP_API_URL, or set DEMO=0.")
if DEMO and any(PROVIDER_TOKENS.values()):
    names = ", ".join(name for name, value in PROVIDER_TOKENS.items() if value)
    raise ImproperlyConfigured(f"The demo never talks to a real provider: unset {names}, or set DEMO=0.")

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
_generated = embedded.load_secrets(VAR_DIR / ("demo.env" if DEMO else "desk.env")) if EMBEDDED else {}


def _secret_list(name: str) -> list[str]:
    """A secret that may hold several values: the first signs, all verify."""
    values = env.list(name, default=[_generated.get(name, "")])
    return [value.strip() for value in values if value.strip()]  # files end in a newline


# Secrets --------------------------------------------------------------------------------------------------------------

SECRET_KEY, *SECRET_KEY_FALLBACKS = _secret_list("SECRET_KEY") or ["missing: `check --deploy` refuses this"]
FIELD_ENCRYPTION_KEYS = _secret_list("FIELD_ENCRYPTION_KEYS")
PSEUDONYM_KEY = _secret_list("PSEUDONYM_KEY")
SEAL_SIGNING_KEY = _secret_list("SEAL_SIGNING_KEY")
WHATSAPP_APP_SECRET = _secret_list("WHATSAPP_APP_SECRET")
WHATSAPP_VERIFY_TOKEN = _secret_list("WHATSAPP_VERIFY_TOKEN")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Files end in a newline. The demo's WhatsApp is played by `serve` on this machine, and takes this token only.
WHATSAPP_ACCESS_TOKEN = (
    "simulated-access-token" if DEMO and _graph_api else PROVIDER_TOKENS["WHATSAPP_ACCESS_TOKEN"].strip()
)

# Rooms ----------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "optout_admin.apps.DeskConfig",  # before unfold: our templates and scripts replace a few of its own
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "preferences",
    "reports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "optout_admin.urls"
WSGI_APPLICATION = "optout_admin.wsgi.application"
AUTH_USER_MODEL = "preferences.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# Database -------------------------------------------------------------------------------------------------------------

if EMBEDDED:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / ("demo.sqlite3" if DEMO else "desk.sqlite3"),
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                # FULL, because a 200 to a webhook promises that the bytes survive a power cut.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000;",
            },
        }
    }
else:
    DATABASES = {"default": env.db("DATABASE_URL")}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
        # Our statements find thousands of rows by key: compiling one takes longer than running it.
        _options = {"connect_timeout": 5, "options": "-c jit=off"}
        DATABASES["default"]["OPTIONS"] = {**_options, **env.db("DATABASE_URL").get("OPTIONS", {})}

# Celery: the tables are the queue, so tasks only ring the bell (docs/architecture.md) ----------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="memory://")
CELERY_EMBEDDED = CELERY_BROKER_URL == "memory://"

# E-mail: to staff alone, and none without EMAIL_URL --------------------------------------------------------------------

_email = env.email_url("EMAIL_URL", default="dummymail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email["EMAIL_HOST"] or "localhost"
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS", False))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL", False))
EMAIL_PORT = _email["EMAIL_PORT"] or (587 if EMAIL_USE_TLS else 465 if EMAIL_USE_SSL else 25)
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_FILE_PATH = _email["EMAIL_FILE_PATH"] or None
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"Opt-out desk <desk@{_public.hostname or 'localhost'}>")
#: Who is told of alarms; none: the staff who may see them.
ALARM_EMAILS = [address.strip() for address in env.list("ALARM_EMAILS", default=[]) if address.strip()]

# Cache: counts how often API keys ask, nothing else. What may be sent is never read from it. -----------------------------

if CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CELERY_BROKER_URL,
            "KEY_PREFIX": "optout",
            "OPTIONS": {"socket_connect_timeout": 0.25, "socket_timeout": 0.25},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Web ------------------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

#: WhatsApp posts at most 3 MB (provider's webhooks overview, read 2026-09-11); Django's own default is 2.5 MB.
WEBHOOK_MAX_BYTES = 3 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_MAX_BYTES

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
if _public.scheme == "https":
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src-elem": [SELF, NONCE],
        "style-src-attr": ["'unsafe-inline'"],  # unfold sets widths and colours of single elements
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["preferences.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["preferences.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["preferences.api.parsers.ShallowJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "preferences.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": False,  # a lone surrogate can be echoed only as an escape
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "The opt-out desk",
    "DESCRIPTION": "May we message this person, on this channel, about this topic? And everything the answer rests on.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False, "validatorUrl": None},
    "ENUM_GENERATE_CHOICE_DESCRIPTION": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "preferences.api.schema.add_problems",
    ],
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# The desk -------------------------------------------------------------------------------------------------------------

#: "May we send?" answers 503 when an unread urgent webhook is older than this.
LAGGING_AFTER_SECONDS = env.int("LAGGING_AFTER_SECONDS", default=300)
#: A doubtful reply nobody settles becomes an opt-out after this.
REVIEW_DEADLINE_HOURS = env.int("REVIEW_DEADLINE_HOURS", default=72)
#: Bodies with messages are kept this long.
INBOX_RETENTION_DAYS = env.int("INBOX_RETENTION_DAYS", default=14)
#: What staff wrote to people in the WhatsApp Business app is kept this long, to be read beside the answers.
SENT_TEXT_RETENTION_DAYS = env.int("SENT_TEXT_RETENTION_DAYS", default=90)
#: What people wrote in replies that a person judged is kept this long, without what names them; the rest of such an
#: example for so many days.
EXAMPLE_TEXT_RETENTION_DAYS = env.int("EXAMPLE_TEXT_RETENTION_DAYS", default=365)
EXAMPLE_RETENTION_DAYS = env.int("EXAMPLE_RETENTION_DAYS", default=1_095)
#: A webhook waits this long for its commit before it is answered 503 (the provider tries again).
COMMIT_WAIT_SECONDS = env.float("COMMIT_WAIT_SECONDS", default=5.0)

#: Where WhatsApp's Graph API is and which version of it is spoken; another address is for a simulator or a relay.
WHATSAPP_API_URL = (_graph_api or "https://graph.facebook.com").rstrip("/")
WHATSAPP_API_VERSION = env.str("WHATSAPP_API_VERSION", default="v26.0")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "optout_admin.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
