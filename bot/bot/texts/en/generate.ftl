invite = 🎨 What shall I draw? Describe it in a sentence or two.

    To change a photo of yours, send 1 to 10 pictures and say in the caption what to do.
menu = { $pictures ->
        [0] 🎨 <b>A new picture</b>
        [one] 🎨 <b>A new picture</b> · from { $pictures } photo
       *[other] 🎨 <b>A new picture</b> · from { $pictures } photos
    }

    <blockquote>{ $prompt }</blockquote>
menu-choose = Which one?
menu-model = Model: { $model }
menu-option = { $option }: { $value }
button-draw = ✨ Draw · { $price ->
        [one] { $price } credit
       *[other] { $price } credits
    }
button-draw-free = ✨ Draw · free
button-drop = ✖️ Cancel
ask-words = { $pictures ->
        [one] 📎 { $pictures } picture is here. Now write what to make of it, or send more.
       *[other] 📎 { $pictures } pictures are here. Now write what to make of them, or send more.
    }
ask-change = ✏️ What shall I change in this picture? Write it down.
pictures-unfit = { $pictures ->
        [one] ⚠️ { $pictures } file did not fit. It has to be JPEG, PNG or WebP, up to 20 MB.
       *[other] ⚠️ { $pictures } files did not fit. They have to be JPEG, PNG or WebP, up to 20 MB.
    }
pictures-too-many = ⚠️ One order takes { $most } pictures at most; I left the rest out.
prompt-too-long = ⚠️ That is too long: { $most } characters at most.
order-accepted = ✅ Accepted
not-free-any-more = The free picture has been used; the price is on the button now. Tap again if you agree.
no-credits = You do not have enough credits. Buy some, and the picture can be drawn at once. Nothing was charged.
