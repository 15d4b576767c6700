help = ❓ <b>How it works</b>

    1. Write what you would like to see. Or send 1 to 10 pictures and say what to do with them (as files, if you like).
    2. Choose model and size in the menu. The price is on the button.
    3. Press “Draw”. When the picture is there, you get a preview and the original file.

    No picture, no charge. One picture is drawn at a time.

    /history — your last pictures
    /buy — buy credits
    /settings — language and defaults
    /paysupport — help with a payment
    /terms — terms
terms = 📄 <b>Terms</b>

    • A credit is what this bot draws pictures for. Credits are bought with Telegram Stars, do not expire, and are not exchanged for money.
    • A credit is charged only when there is a picture. If there is none, or you cancel, it comes back by itself.
    • You can ask for your payment back for unused credits with /paysupport.
    • Your descriptions and pictures are passed to an outside service that draws. Do not ask for anything unlawful.
    • Telegram is not responsible for these purchases and does not help with them.
paysupport = 💬 <b>Help with a payment</b>

    Telegram's support and @BotSupport cannot help with purchases in this bot.
paysupport-write = 💬 <b>Help with a payment</b>

    Write what happened after this command, for example:
    <code>/paysupport I paid and no credits came</code>
    It goes to an operator, who will write to you. Telegram's support cannot help with these purchases.
paysupport-sent = ✅ An operator has it now and will write to you soon.
support-contact = Contact: { $contact }
