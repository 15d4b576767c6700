desk = 🛠 <b>Operator stoli</b>
desk-totals = 📊 Kun yakuni
desk-find = 🔎 Foydalanuvchini topish
desk-broadcast = 📣 Xabar tarqatish
desk-back = ◀️ Operator stoli
desk-day-before = ◀️ Oldingi kun
desk-totals-text = 📊 <b>{ $day }</b> (UTC)

    Yangi foydalanuvchilar: { $new_users }
    Buyurtmalar: { $generations_submitted }
    Tayyor: { $completed } · chiqmadi: { $failed } · bekor: { $cancelled }
    Hozir ishda: { $active_now }

    Sarflangan kredit: { $credits_captured }
    Sovgʻa qilingan: { $credits_granted }
    Sotilgan: { $credits_sold } kredit, { $stars_received } ⭐
desk-ask-who = Telegram ID yoki @nomini yozing.
desk-nobody = Bunday odam yoʻq. Yana yozib koʻring.
desk-user = 👤 <b>{ $name }</b> { $username }
    ID: <code>{ $id }</code> · til: { $language }
    Roʻyxatdan oʻtgan: { $since }

    Balans: <b>{ $balance }</b>, ajratilgan: { $held }
    Rasmlar: { $pictures } · bepul rasm ishlatilgan: { $trial }
desk-user-banned = 🚫 { $since } dan beri bloklangan: { $reason }
desk-grant = 🎁 Kredit berish
desk-ban = 🚫 Bloklash
desk-unban = ✅ Blokdan chiqarish
desk-ask-amount = Necha kredit? Manfiy son qaytarib oladi.
desk-bad-amount = Butun son kerak, nol emas, masalan 50 yoki -10.
desk-ask-reason = Sababini yozing. U jurnalga tushadi.
desk-only-words = Bu yerda matn kerak.
desk-confirm = ✅ Tasdiqlash
desk-confirm-grant = <code>{ $id }</code> ga { $amount } kredit?
    Sabab: { $reason }
desk-granted = ✅ <code>{ $id }</code>: { $amount } kredit. Balans: { $balance }
desk-ask-audience = Kimlarga?
desk-audience-all = Hammaga
desk-ask-text = Xabar matnini yozing. U qanday yozilsa, shunday yuboriladi.
desk-confirm-broadcast = Yuqoridagi xabar shunday koʻrinadi. Tarqatamizmi?
desk-stop = ⏹ Toʻxtatish
broadcast-running = 📣 Tarqatilmoqda: { $told } / { $total }
    yetkazildi { $sent } · bloklagan { $blocked } · xato { $failed }
broadcast-done = ✅ Tarqatildi: { $told } / { $total }
    yetkazildi { $sent } · bloklagan { $blocked } · xato { $failed }
broadcast-stopped = ⏹ Toʻxtatildi: { $told } / { $total }
    yetkazildi { $sent } · bloklagan { $blocked } · xato { $failed }
operator-complaint = 💬 <b>{ $name }</b>, ID <code>{ $id }</code>, yordam soʻramoqda:

    { $complaint }
