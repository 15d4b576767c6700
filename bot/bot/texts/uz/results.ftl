status-sending = ⏳ Buyurtma yuborilmoqda…
status-waiting = 🕒 Navbatda

    <blockquote>{ $prompt }</blockquote>
status-queued = 🕒 Navbatda, oʻrningiz: { $position }

    <blockquote>{ $prompt }</blockquote>
status-running = 🎨 Chizilmoqda…

    <blockquote>{ $prompt }</blockquote>
status-completed = ✅ Tayyor, { $seconds } soniyada

    <blockquote>{ $prompt }</blockquote>
status-failed = ❌ Chiqmadi, kredit yechilmadi

    <blockquote>{ $prompt }</blockquote>
status-cancelled = ✖️ Bekor qilindi, kredit yechilmadi

    <blockquote>{ $prompt }</blockquote>
button-take-back = ✖️ Bekor qilish

picture-caption = { $hashtag }
    <blockquote expandable>{ $prompt }</blockquote>
    ⏱ { $seconds } soniya · { $price }
price-free = bepul
price-credits = { $credits } kredit
button-again = 🔁 Yana · { $price } kredit
button-edit = ✏️ Oʻzgartirish
button-reference = 📎 Namuna qilish
picture-not-kept = Bu rasm saqlanmagan. Uni qaytadan chizish mumkin.

failure = ❌ Rasm chiqmadi: { $reason }

    Kredit yechilmadi.
failure-content-refused = xizmat bu tasvirni nomaqbul deb topdi. Boshqacha yozib koʻring.
failure-invalid-input = tanlangan sozlamalar toʻgʻri kelmadi. Boshqasini tanlab koʻring.
failure-reference-unreadable = yuborgan rasmingizni oʻqib boʻlmadi. Uni qaytadan yuboring.
failure-provider-failed = chizuvchi xizmat uddalay olmadi. Yana bir bor urinib koʻring.
failure-provider-refused = chizuvchi xizmat buyurtmani olmadi. Bu haqda bizga maʼlum, keyinroq urinib koʻring.
failure-provider-timeout = chizish juda uzoq choʻzildi. Yana bir bor urinib koʻring.
failure-provider-lost = chizuvchi xizmat buyurtmani yoʻqotdi. Yana bir bor urinib koʻring.
failure-no-image = chizuvchi xizmat rasm bermadi. Yana bir bor urinib koʻring.
failure-deadline-exceeded = belgilangan vaqtda ulgurilmadi. Yana bir bor urinib koʻring.
failure-unknown = kutilmagan xato. Yana bir bor urinib koʻring.

history-title = 🖼 <b>Oxirgi rasmlaringiz</b>
history-empty = Hali rasm yoʻq. Birinchisini chizamizmi?
history-line = <b>{ $number }.</b> { $state } { $date } · { $hashtag }
    { $prompt }
state-queued = 🕒
state-running = 🎨
state-completed = ✅
state-failed = ❌
state-cancelled = ✖️
button-send-again = 📤 { $number } — yuborish
button-again-numbered = 🔁 { $number } · { $price } kredit
