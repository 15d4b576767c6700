"""The routes of version 1, one file per noun; those that are asked most stand first, because each request is compared in turn.

They stand in the app's own list: a router that is included in a router is looked through anew for every request.
"""

from app.api.v1 import admin, broadcasts, catalogue, deliveries, events, generations, media, payments, service, users, webhooks

NOUNS = (
    *(generations, catalogue, users, deliveries, service, events),
    *(admin, broadcasts, media, payments, webhooks),
)
ROUTES = [route for noun in NOUNS for route in noun.router.routes]
