buy = ⭐ <b>Кредиты</b>

    Оплата — звёздами Telegram. Кредит списывается, только когда картинка готова, и не сгорает.
buy-nothing = Сейчас в продаже ничего нет. Загляните позже.
button-package = { $credits ->
        [one] { $credits } кредит
        [few] { $credits } кредита
       *[many] { $credits } кредитов
    } · { $stars } ⭐
invoice-title = { $credits ->
        [one] { $credits } кредит
        [few] { $credits } кредита
       *[many] { $credits } кредитов
    }
invoice-description = { $credits ->
        [one] { $credits } кредит сразу поступит
        [few] { $credits } кредита сразу поступят
       *[many] { $credits } кредитов сразу поступят
    } на ваш счёт. Кредит списывается, только когда картинка готова.
checkout-order-not-found = Такого счёта нет. Откройте новый через /buy.
checkout-order-expired = Срок счёта истёк. Откройте новый через /buy.
checkout-order-paid = Этот счёт уже оплачен. Баланс: /profile
checkout-wrong-amount = Цена изменилась. Откройте новый счёт через /buy.
checkout-wrong-currency = Здесь принимаются только звёзды Telegram.
checkout-wrong-user = Этот счёт выписан другому. Откройте свой через /buy.
checkout-banned = Магазин для вас закрыт. Ничего не списано.
checkout-later = Сейчас не можем принять оплату. Попробуйте через минуту. Ничего не списано.
paid = ✅ Спасибо! { $credits ->
        [one] Зачислен { $credits } кредит.
        [few] Зачислено { $credits } кредита.
       *[many] Зачислено { $credits } кредитов.
    }
    Баланс: <b>{ $balance }</b>
paid-later = ✅ Оплата дошла. Кредиты поступят в течение часа, ничего не потеряется.
refunded = ↩️ Возвращено: { $stars } ⭐.
