buy = ⭐ <b>Credits</b>

    Paid with Telegram Stars. A credit is charged only when there is a picture, and it does not expire.
buy-nothing = Nothing is on sale just now. Come back later.
button-package = { $credits ->
        [one] { $credits } credit
       *[other] { $credits } credits
    } · { $stars } ⭐
invoice-title = { $credits ->
        [one] { $credits } credit
       *[other] { $credits } credits
    }
invoice-description = { $credits ->
        [one] { $credits } credit is
       *[other] { $credits } credits are
    } added to your balance at once. A credit is charged only when there is a picture.
checkout-order-not-found = There is no such invoice. Open a new one with /buy.
checkout-order-expired = This invoice has expired. Open a new one with /buy.
checkout-order-paid = This invoice is paid already. Your balance: /profile
checkout-wrong-amount = The price has changed. Open a new invoice with /buy.
checkout-wrong-currency = Only Telegram Stars are taken here.
checkout-wrong-user = This invoice is somebody else's. Open your own with /buy.
checkout-banned = The shop is closed to you. Nothing was charged.
checkout-later = We cannot take the payment just now. Try again in a minute. Nothing was charged.
paid = ✅ Thank you! { $credits ->
        [one] { $credits } credit was added.
       *[other] { $credits } credits were added.
    }
    Balance: <b>{ $balance }</b>
paid-later = ✅ The payment is here. Your credits come within an hour; nothing is lost.
refunded = ↩️ { $stars } ⭐ went back to you.
