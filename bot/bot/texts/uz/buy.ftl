buy = ⭐ <b>Kredit olish</b>

    Toʻlov Telegram Yulduzlari bilan. Kredit faqat rasm tayyor boʻlganda yechiladi va muddati tugamaydi.
buy-nothing = Hozircha sotuvda toʻplam yoʻq. Keyinroq qarang.
button-package = { $credits } kredit · { $stars } ⭐
invoice-title = { $credits } kredit
invoice-description = { $credits } kredit hisobingizga darhol tushadi. Kredit faqat rasm tayyor boʻlganda yechiladi.
checkout-order-not-found = Bu hisob topilmadi. /buy orqali yangisini oching.
checkout-order-expired = Bu hisobning muddati oʻtgan. /buy orqali yangisini oching.
checkout-order-paid = Bu hisob allaqachon toʻlangan. Balans: /profile
checkout-wrong-amount = Narx oʻzgargan. /buy orqali yangi hisob oching.
checkout-wrong-currency = Bu yerda faqat Telegram Yulduzlari qabul qilinadi.
checkout-wrong-user = Bu hisob boshqa odam uchun. /buy orqali oʻzingiznikini oching.
checkout-banned = Siz uchun doʻkon yopilgan. Hech narsa yechilmadi.
checkout-later = Hozir toʻlovni qabul qila olmaymiz. Bir daqiqadan keyin urinib koʻring. Hech narsa yechilmadi.
paid = ✅ Rahmat! { $credits } kredit qoʻshildi.
    Balans: <b>{ $balance }</b>
paid-later = ✅ Toʻlov yetib keldi. Kreditlar bir soat ichida hisobingizga tushadi, hech narsa yoʻqolmaydi.
refunded = ↩️ { $stars } ⭐ qaytarildi.
