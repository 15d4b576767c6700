"""How fast Rassom is: scenarios against a running instance, each beside its floor. Speaks HTTP; shares no code with it."""
