"""The project: settings, the URL map, and the processes that run the product."""

from optout_admin.celery import app as celery_app

__all__ = ["celery_app"]
