desk = 🛠 <b>Operator's desk</b>
desk-totals = 📊 The day's totals
desk-find = 🔎 Find a person
desk-broadcast = 📣 Broadcast
desk-back = ◀️ Operator's desk
desk-day-before = ◀️ The day before
desk-totals-text = 📊 <b>{ $day }</b> (UTC)

    New people: { $new_users }
    Orders: { $generations_submitted }
    Completed: { $completed } · failed: { $failed } · cancelled: { $cancelled }
    In work now: { $active_now }

    Credits spent: { $credits_captured }
    Given: { $credits_granted }
    Sold: { $credits_sold }, for { $stars_received } ⭐
desk-ask-who = Write a Telegram id or an @name.
desk-nobody = There is nobody like that. Try again.
desk-user = 👤 <b>{ $name }</b> { $username }
    ID: <code>{ $id }</code> · language: { $language }
    Since { $since }

    Balance: <b>{ $balance }</b>, held: { $held }
    Pictures: { $pictures } · free one used: { $trial }
desk-user-banned = 🚫 Banned since { $since }: { $reason }
desk-grant = 🎁 Give credits
desk-ban = 🚫 Ban
desk-unban = ✅ Lift the ban
desk-ask-amount = How many credits? A negative number takes back.
desk-bad-amount = It has to be a whole number other than zero, such as 50 or -10.
desk-ask-reason = Write the reason. It is kept in the journal.
desk-only-words = This takes words.
desk-confirm = ✅ Confirm
desk-confirm-grant = { $amount ->
        [one] Give <code>{ $id }</code> { $amount } credit?
       *[other] Give <code>{ $id }</code> { $amount } credits?
    }
    Reason: { $reason }
desk-granted = ✅ <code>{ $id }</code>: { $amount ->
        [one] { $amount } credit
       *[other] { $amount } credits
    }. Balance: { $balance }
desk-ask-audience = To whom?
desk-audience-all = Everybody
desk-ask-text = Write the text. It is sent exactly as you write it.
desk-confirm-broadcast = This is how it will look. Send it?
desk-stop = ⏹ Stop
broadcast-running = 📣 Being sent: { $told } of { $total }
    delivered { $sent } · blocked { $blocked } · failed { $failed }
broadcast-done = ✅ Sent: { $told } of { $total }
    delivered { $sent } · blocked { $blocked } · failed { $failed }
broadcast-stopped = ⏹ Stopped: { $told } of { $total }
    delivered { $sent } · blocked { $blocked } · failed { $failed }
operator-complaint = 💬 <b>{ $name }</b>, ID <code>{ $id }</code>, asks for help:

    { $complaint }
