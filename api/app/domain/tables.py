"""Imports every models.py, so that the metadata is whole; for Alembic and for tests."""

from app.db.base import Base
from app.domain.audit import models as audit_models
from app.domain.broadcasts import models as broadcast_models
from app.domain.catalogue import models as catalogue_models
from app.domain.deliveries import models as delivery_models
from app.domain.generations import models as generation_models
from app.domain.idempotency import models as idempotency_models
from app.domain.keys import models as key_models
from app.domain.ledger import models as ledger_models
from app.domain.operators import models as operator_models
from app.domain.payments import models as payment_models
from app.domain.supply import models as supply_models
from app.domain.trial import models as trial_models
from app.domain.users import models as user_models

MODULES = (
    audit_models,
    broadcast_models,
    catalogue_models,
    delivery_models,
    generation_models,
    idempotency_models,
    key_models,
    ledger_models,
    operator_models,
    payment_models,
    supply_models,
    trial_models,
    user_models,
)
metadata = Base.metadata
