help = ❓ <b>Bu qanday ishlaydi</b>

    1. Nimani koʻrmoqchi ekaningizni yozing. Yoki 1–10 ta rasm yuborib, ular bilan nima qilishni ayting (rasmlarni fayl qilib yuborsa ham boʻladi).
    2. Menyudan model va oʻlchamni tanlang. Narx tugmaning oʻzida yozilgan.
    3. «Chizish»ni bosing. Rasm tayyor boʻlgach, oldindan koʻrish va asl fayl keladi.

    Rasm chiqmasa, kredit yechilmaydi. Bir vaqtda bitta rasm chiziladi.

    /history — oxirgi rasmlar
    /buy — kredit olish
    /settings — til va odatiy sozlamalar
    /paysupport — toʻlov boʻyicha yordam
    /terms — shartlar
terms = 📄 <b>Shartlar</b>

    • Kredit — shu botda rasm chizish uchun birlik. U Telegram Yulduzlariga sotib olinadi, muddati yoʻq va pulga almashtirilmaydi.
    • Kredit faqat rasm tayyor boʻlganda yechiladi. Rasm chiqmasa yoki buyurtma bekor qilinsa, u oʻzi qaytadi.
    • Ishlatilmagan kreditlar uchun toʻlovni qaytarishni /paysupport orqali soʻrashingiz mumkin.
    • Yuborgan matn va rasmlaringiz chizish uchun tashqi xizmatga uzatiladi. Qonunga xilof tasvirlar soʻramang.
    • Telegram bu xaridlar uchun javobgar emas va ular boʻyicha yordam bermaydi.
paysupport = 💬 <b>Toʻlov boʻyicha yordam</b>

    Telegramʼning yordam xizmati va @BotSupport bu yerdagi xaridlar boʻyicha yordam bera olmaydi.
paysupport-write = 💬 <b>Toʻlov boʻyicha yordam</b>

    Nima boʻlganini shu buyruqdan keyin yozing, masalan:
    <code>/paysupport toʻladim, kredit tushmadi</code>
    Xabar operatorga yetkaziladi va u sizga yozadi. Telegramʼning yordam xizmati bu xaridlar boʻyicha yordam bera olmaydi.
paysupport-sent = ✅ Operatorga yetkazildi. U tez orada sizga yozadi.
support-contact = Aloqa: { $contact }
