profile-name = 👤 <b>{ $name }</b>
profile-username = @{ $username }
profile-id = ID: <code>{ $id }</code>
profile-balance = 💳 Баланс: <b>{ $balance ->
        [one] { $balance } кредит
        [few] { $balance } кредита
       *[many] { $balance } кредитов
    }</b>
profile-held = ⏳ Отложено на картинку в работе: { $held ->
        [one] { $held } кредит
        [few] { $held } кредита
       *[many] { $held } кредитов
    }
profile-trial = 🎁 Бесплатных картинок: { $left }
statement-title = <b>Последние движения</b>
statement-line = { $date } · { $amount } · { $what } → { $balance }
entry-grant = подарок
entry-generation-hold = отложено на картинку
entry-generation-release = возвращено
entry-generation-capture = картинка
entry-adjustment = поправка
entry-topup = покупка
entry-refund = возврат оплаты
entry-other = движение
