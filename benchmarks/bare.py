"""The door's opponent: a Django view that answers 200 and does nothing, without middleware like the door itself."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_admin.settings")

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from optout_admin.wsgi import BareHandler


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("", content_type="text/plain; charset=utf-8", headers={"Content-Length": "0"})


urlpatterns = [path("webhooks/whatsapp/", nothing)]

settings.ROOT_URLCONF = __name__
application = BareHandler()
