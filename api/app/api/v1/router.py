"""The routes of version 1, one file per noun."""

from fastapi import APIRouter

from app.api.v1 import admin, broadcasts, catalogue, deliveries, events, generations, media, payments, service, users, webhooks

router = APIRouter(prefix="/api/v1")
router.include_router(service.router)
router.include_router(users.router)
router.include_router(catalogue.router)
router.include_router(generations.router)
router.include_router(events.router)
router.include_router(deliveries.router)
router.include_router(admin.router)
router.include_router(broadcasts.router)
router.include_router(media.router)
router.include_router(payments.router)
router.include_router(webhooks.router)
