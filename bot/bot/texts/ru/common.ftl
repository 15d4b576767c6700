language-name = Русский
yes = да
no = нет

welcome = Здравствуйте, { $name }! 👋

    Я рисую по вашим словам: напишите, что хотите увидеть, или пришлите снимок и скажите, что в нём изменить.
welcome-trial = 🎁 Первая картинка — в подарок. Напишите что угодно, например: <i>Регистан на рассвете, акварель</i>
home = Что делаем? Можно просто написать, что нарисовать.
unknown = Не понял. Напишите, что нарисовать, или пришлите снимок. Всё остальное: /start
group = Я работаю в личной переписке: t.me/{ $username }
too-fast = Чуть помедленнее, пожалуйста 🙂 Продолжим через несколько секунд.
menu-old = Эта кнопка устарела. Пришлите описание ещё раз или нажмите /start.

button-generate = 🎨 Нарисовать
button-history = 🖼 Мои картинки
button-profile = 👤 Профиль
button-buy = ⭐ Купить кредиты
button-settings = ⚙️ Настройки
button-help = ❓ Помощь
button-home = 🏠 На главную
button-back = ◀️ Назад

command-start = Начать
command-new = Новая картинка
command-history = Последние картинки
command-profile = Профиль и баланс
command-buy = Купить кредиты
command-settings = Язык и модель по умолчанию
command-help = Как это работает
command-paysupport = Помощь с оплатой
command-terms = Условия

settings = ⚙️ <b>Настройки</b>

    Язык и то, с чего начинается каждая новая картинка.
settings-model = Модель: { $model }
settings-chosen = ✓ { $what }
settings-choose = Что выберете?
option-size = Размер
option-aspect-ratio = Формат
option-resolution = Разрешение
option-any = авто
