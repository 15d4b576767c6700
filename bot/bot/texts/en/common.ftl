language-name = English
yes = yes
no = no

welcome = Hello, { $name }! 👋

    I draw from your words: write what you would like to see, or send a photo and say how to change it.
welcome-trial = 🎁 Your first picture is a gift. Write anything, for example: <i>Registan at dawn, watercolour</i>
home = What shall we do? You can simply write what to draw.
unknown = I did not understand that. Write what to draw, or send a photo. Everything else: /start
group = I work in private chats: t.me/{ $username }
too-fast = A little slower, please 🙂 We go on in a few seconds.
menu-old = This button is out of date. Send your description again, or press /start.

button-generate = 🎨 Draw a picture
button-history = 🖼 My pictures
button-profile = 👤 Profile
button-buy = ⭐ Buy credits
button-settings = ⚙️ Settings
button-help = ❓ Help
button-home = 🏠 Home
button-back = ◀️ Back

command-start = Begin
command-new = A new picture
command-history = Your last pictures
command-profile = Profile and balance
command-buy = Buy credits
command-settings = Language and default model
command-help = How it works
command-paysupport = Help with a payment
command-terms = Terms

settings = ⚙️ <b>Settings</b>

    Your language, and what each new picture begins with.
settings-model = Model: { $model }
settings-chosen = ✓ { $what }
settings-choose = Which one?
option-size = Size
option-aspect-ratio = Aspect ratio
option-resolution = Resolution
option-any = auto
