status-sending = ⏳ Отправляю заказ…
status-waiting = 🕒 В очереди

    <blockquote>{ $prompt }</blockquote>
status-queued = 🕒 В очереди, место { $position }

    <blockquote>{ $prompt }</blockquote>
status-running = 🎨 Рисую…

    <blockquote>{ $prompt }</blockquote>
status-completed = ✅ Готово за { $seconds } с

    <blockquote>{ $prompt }</blockquote>
status-failed = ❌ Не получилось, кредиты не списаны

    <blockquote>{ $prompt }</blockquote>
status-cancelled = ✖️ Отменено, кредиты не списаны

    <blockquote>{ $prompt }</blockquote>
button-take-back = ✖️ Отменить

picture-caption = { $hashtag }
    <blockquote expandable>{ $prompt }</blockquote>
    ⏱ { $seconds } с · { $price }
price-free = бесплатно
price-credits = { $credits ->
        [one] { $credits } кредит
        [few] { $credits } кредита
       *[many] { $credits } кредитов
    }
button-again = 🔁 Ещё раз · { $price ->
        [one] { $price } кредит
        [few] { $price } кредита
       *[many] { $price } кредитов
    }
button-edit = ✏️ Изменить
button-reference = 📎 Взять за образец
picture-not-kept = Эта картинка не сохранилась. Её можно нарисовать заново.

failure = ❌ Картинка не получилась: { $reason }

    Кредиты не списаны.
failure-content-refused = сервис счёл описание недопустимым. Попробуйте сказать иначе.
failure-invalid-input = такие настройки не подошли. Попробуйте другие.
failure-reference-unreadable = не удалось прочитать ваш снимок. Пришлите его ещё раз.
failure-provider-failed = рисующий сервис не справился. Попробуйте ещё раз.
failure-provider-refused = рисующий сервис не принял заказ. Мы об этом знаем, попробуйте позже.
failure-provider-timeout = рисование слишком затянулось. Попробуйте ещё раз.
failure-provider-lost = рисующий сервис потерял заказ. Попробуйте ещё раз.
failure-no-image = рисующий сервис не отдал картинку. Попробуйте ещё раз.
failure-deadline-exceeded = не успели в отведённое время. Попробуйте ещё раз.
failure-unknown = неожиданная ошибка. Попробуйте ещё раз.

history-title = 🖼 <b>Последние картинки</b>
history-empty = Картинок пока нет. Нарисуем первую?
history-line = <b>{ $number }.</b> { $state } { $date } · { $hashtag }
    { $prompt }
state-queued = 🕒
state-running = 🎨
state-completed = ✅
state-failed = ❌
state-cancelled = ✖️
button-send-again = 📤 { $number } — прислать
button-again-numbered = 🔁 { $number } · { $price ->
        [one] { $price } кредит
        [few] { $price } кредита
       *[many] { $price } кредитов
    }
