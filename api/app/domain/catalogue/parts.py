"""What the catalogue puts into the statement of another domain: that the model is on sale, at this price, now."""

# After it: `offer`, a row or none.
OFFER = """
    offer AS (
        SELECT FROM model_catalog model JOIN model_prices current ON current.model_id = model.id AND current.is_active
        WHERE model.id = CAST(:model_id AS bigint) AND model.is_active AND current.unit_price = CAST(:price AS bigint)
    )
"""
