error-away = The server did not answer just now. Tap again in a moment: nothing is ordered twice and nothing extra is charged.
error-unknown = Something went wrong. No credit was charged. If it happens again, tell this number in /paysupport: { $request_id }
error-active-generation = One picture at a time. The one before is not ready yet: tap again when it is.
error-insufficient-credits = Not enough credits: it takes { $required }, you have { $balance }. Nothing was charged.
error-price-changed = The price has changed, in credits: { $price }. Nothing was charged. Tap again if you agree.
error-provider-unavailable = The drawing service is away. Try again in { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }. No credit was charged.
error-provider-not-configured = The shop is not set up completely; please tell its owner. No credit was charged.
error-overloaded = The line is too long. Try again in { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }. No credit was charged.
error-service-unavailable = The service is restarting. Tap again in a minute. Nothing is charged twice.
error-rate-limited = A little slower, please. Tap again in a few seconds.
error-account-frozen = Your account is being checked. The operator knows, and your credits are safe.
error-banned = The shop is closed to you. Questions: /paysupport
error-model-not-found = This model is not on sale any more. Choose another one.
error-unsupported-parameter = The model does not take this option. Choose another one.
error-validation-error = Something in the order is not right. Send a shorter description. No credit was charged.
error-generation-not-found = There is no such picture.
error-already-sent = Too late: it is being drawn. If there is no picture, your credits come back.
error-package-not-found = This package is not on sale any more. Open /buy again.
