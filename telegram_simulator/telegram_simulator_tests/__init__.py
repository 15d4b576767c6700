"""A package, so that pytest names these modules `tests.*`: named after their path they would shadow `telegram_simulator` itself."""
