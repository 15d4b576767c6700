language-name = Oʻzbekcha
yes = ha
no = yoʻq

welcome = Assalomu alaykum, { $name }! 👋

    Men soʻzlaringizdan rasm chizaman: nimani koʻrmoqchi ekaningizni yozing yoki rasm yuborib, uni qanday oʻzgartirishni ayting.
welcome-trial = 🎁 Birinchi rasm — bizdan sovgʻa. Istalgan gapni yozib koʻring, masalan: <i>tongdagi Registon, akvarel</i>
home = Nima qilamiz? Tasvirni shunchaki yozib yuborsangiz ham boʻladi.
unknown = Buni tushunmadim. Rasm uchun matn yozing yoki surat yuboring. Hamma imkoniyatlar: /start
group = Men shaxsiy suhbatda ishlayman: t.me/{ $username }
too-fast = Biroz sekinroq, iltimos 🙂 Bir necha soniyadan keyin davom etamiz.
menu-old = Bu tugma eskirgan. Tasvirni qaytadan yuboring yoki /start ni bosing.

button-generate = 🎨 Rasm chizish
button-history = 🖼 Rasmlarim
button-profile = 👤 Profil
button-buy = ⭐ Kredit olish
button-settings = ⚙️ Sozlamalar
button-help = ❓ Yordam
button-home = 🏠 Bosh sahifa
button-back = ◀️ Orqaga

command-start = Boshlash
command-new = Yangi rasm
command-history = Oxirgi rasmlar
command-profile = Profil va balans
command-buy = Kredit sotib olish
command-settings = Til va odatiy model
command-help = Bu qanday ishlaydi
command-paysupport = Toʻlov boʻyicha yordam
command-terms = Shartlar

settings = ⚙️ <b>Sozlamalar</b>

    Til va har bir yangi rasm nimadan boshlanishi.
settings-model = Model: { $model }
settings-chosen = ✓ { $what }
settings-choose = Qaysi birini tanlaysiz?
option-size = Oʻlcham
option-aspect-ratio = Nisbat
option-resolution = Aniqlik
option-any = avto
