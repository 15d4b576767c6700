desk = 🛠 <b>Стол оператора</b>
desk-totals = 📊 Итоги дня
desk-find = 🔎 Найти человека
desk-broadcast = 📣 Рассылка
desk-back = ◀️ Стол оператора
desk-day-before = ◀️ Предыдущий день
desk-totals-text = 📊 <b>{ $day }</b> (UTC)

    Новых людей: { $new_users }
    Заказов: { $generations_submitted }
    Готово: { $completed } · не вышло: { $failed } · отменено: { $cancelled }
    Сейчас в работе: { $active_now }

    Потрачено кредитов: { $credits_captured }
    Подарено: { $credits_granted }
    Продано кредитов: { $credits_sold }, получено { $stars_received } ⭐
desk-ask-who = Напишите Telegram ID или @имя.
desk-nobody = Такого человека нет. Попробуйте ещё раз.
desk-user = 👤 <b>{ $name }</b> { $username }
    ID: <code>{ $id }</code> · язык: { $language }
    С нами с { $since }

    Баланс: <b>{ $balance }</b>, отложено: { $held }
    Картинок: { $pictures } · бесплатная использована: { $trial }
desk-user-banned = 🚫 Закрыт доступ с { $since }: { $reason }
desk-grant = 🎁 Дать кредиты
desk-ban = 🚫 Закрыть доступ
desk-unban = ✅ Открыть доступ
desk-ask-amount = Сколько кредитов? Отрицательное число забирает.
desk-bad-amount = Нужно целое число, не ноль, например 50 или -10.
desk-ask-reason = Напишите причину. Она попадёт в журнал.
desk-only-words = Здесь нужен текст.
desk-confirm = ✅ Подтвердить
desk-confirm-grant = { $amount ->
        [one] Дать <code>{ $id }</code> { $amount } кредит?
        [few] Дать <code>{ $id }</code> { $amount } кредита?
       *[many] Дать <code>{ $id }</code> { $amount } кредитов?
    }
    Причина: { $reason }
desk-granted = ✅ <code>{ $id }</code>: { $amount ->
        [one] { $amount } кредит
        [few] { $amount } кредита
       *[many] { $amount } кредитов
    }. Баланс: { $balance }
desk-ask-audience = Кому?
desk-audience-all = Всем
desk-ask-text = Напишите текст. Он уйдёт ровно так, как написан.
desk-confirm-broadcast = Выше — как это увидят. Рассылаем?
desk-stop = ⏹ Остановить
broadcast-running = 📣 Рассылается: { $told } из { $total }
    дошло { $sent } · заблокировали { $blocked } · ошибок { $failed }
broadcast-done = ✅ Разослано: { $told } из { $total }
    дошло { $sent } · заблокировали { $blocked } · ошибок { $failed }
broadcast-stopped = ⏹ Остановлено: { $told } из { $total }
    дошло { $sent } · заблокировали { $blocked } · ошибок { $failed }
operator-complaint = 💬 <b>{ $name }</b>, ID <code>{ $id }</code>, просит помощи:

    { $complaint }
