status-sending = ⏳ Sending the order…
status-waiting = 🕒 In line

    <blockquote>{ $prompt }</blockquote>
status-queued = 🕒 In line, place { $position }

    <blockquote>{ $prompt }</blockquote>
status-running = 🎨 Drawing…

    <blockquote>{ $prompt }</blockquote>
status-completed = ✅ Ready in { $seconds } s

    <blockquote>{ $prompt }</blockquote>
status-failed = ❌ It did not work out, no credit was charged

    <blockquote>{ $prompt }</blockquote>
status-cancelled = ✖️ Cancelled, no credit was charged

    <blockquote>{ $prompt }</blockquote>
button-take-back = ✖️ Cancel

picture-caption = { $hashtag }
    <blockquote expandable>{ $prompt }</blockquote>
    ⏱ { $seconds } s · { $price }
price-free = free
price-credits = { $credits ->
        [one] { $credits } credit
       *[other] { $credits } credits
    }
button-again = 🔁 Again · { $price ->
        [one] { $price } credit
       *[other] { $price } credits
    }
button-edit = ✏️ Change it
button-reference = 📎 Use as reference
picture-not-kept = This picture was not kept. It can be drawn anew.

failure = ❌ There is no picture: { $reason }

    No credit was charged.
failure-content-refused = the service found the description not acceptable. Try other words.
failure-invalid-input = these options did not fit. Try other ones.
failure-reference-unreadable = your picture could not be read. Send it again.
failure-provider-failed = the drawing service did not manage. Try once more.
failure-provider-refused = the drawing service did not take the order. We know about it; try later.
failure-provider-timeout = the drawing took too long. Try once more.
failure-provider-lost = the drawing service lost the order. Try once more.
failure-no-image = the drawing service gave no picture. Try once more.
failure-deadline-exceeded = it was not ready in time. Try once more.
failure-unknown = something unexpected happened. Try once more.

history-title = 🖼 <b>Your last pictures</b>
history-empty = No pictures yet. Shall we draw the first?
history-line = <b>{ $number }.</b> { $state } { $date } · { $hashtag }
    { $prompt }
state-queued = 🕒
state-running = 🎨
state-completed = ✅
state-failed = ❌
state-cancelled = ✖️
button-send-again = 📤 { $number } — send
button-again-numbered = 🔁 { $number } · { $price ->
        [one] { $price } credit
       *[other] { $price } credits
    }
