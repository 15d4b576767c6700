"""What a phone itself says around a chat, in the three languages of the page."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "bot": "bot",
        "write": "Message",
        "menu": "Menu",
        "edited": "edited",
        "photo": "Photo",
        "invoice": "Invoice",
        "paid": "You have just successfully transferred ⭐️{amount} to {bot} for {title}",
        "refunded": "{bot} gave back ⭐️{amount}",
        "blocked": "You blocked this bot",
    },
    "ru": {
        "bot": "бот",
        "write": "Сообщение",
        "menu": "Меню",
        "edited": "изменено",
        "photo": "Фотография",
        "invoice": "Счёт",
        "paid": "Вы успешно перевели ⭐️{amount} боту {bot}: {title}",
        "refunded": "{bot} возвращает ⭐️{amount}",
        "blocked": "Вы заблокировали этого бота",
    },
    "uz": {
        "bot": "bot",
        "write": "Xabar",
        "menu": "Menyu",
        "edited": "tahrirlangan",
        "photo": "Surat",
        "invoice": "Hisob",
        "paid": "Siz {bot} botiga ⭐️{amount} yubordingiz: {title}",
        "refunded": "{bot} ⭐️{amount} qaytardi",
        "blocked": "Siz bu botni bloklagansiz",
    },
}
