invite = 🎨 Nimani chizay? Bir-ikki gap bilan yozing.

    Suratingizni oʻzgartirmoqchimisiz? 1 tadan 10 tagacha rasm yuboring va izohida nima qilishni ayting.
menu = { $pictures ->
        [0] 🎨 <b>Yangi rasm</b>
       *[other] 🎨 <b>Yangi rasm</b> · { $pictures } ta rasm asosida
    }

    <blockquote>{ $prompt }</blockquote>
menu-choose = Qaysi birini tanlaysiz?
menu-model = Model: { $model }
menu-option = { $option }: { $value }
button-draw = ✨ Chizish · { $price } kredit
button-draw-free = ✨ Chizish · bepul
button-drop = ✖️ Bekor qilish
ask-words = 📎 { $pictures } ta rasm qabul qilindi. Endi ulardan nima yasashni yozing yoki yana rasm yuboring.
ask-change = ✏️ Bu rasmda nimani oʻzgartiray? Yozib yuboring.
pictures-unfit = ⚠️ { $pictures } ta fayl mos kelmadi. JPEG, PNG yoki WebP kerak, 20 MB gacha.
pictures-too-many = ⚠️ Bir buyurtmaga koʻpi bilan { $most } ta rasm sigʻadi, qolganini olmadim.
prompt-too-long = ⚠️ Matn juda uzun: koʻpi bilan { $most } ta belgi.
order-accepted = ✅ Qabul qilindi
not-free-any-more = Bepul rasm ishlatib boʻlindi, endi narx tugmada yozilgan. Rozi boʻlsangiz, yana bosing.
no-credits = Kreditingiz yetmayapti. Kredit oling — rasm darhol navbatga qoʻyiladi. Hozircha hech narsa yechilmadi.
