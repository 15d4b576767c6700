profile-name = 👤 <b>{ $name }</b>
profile-username = @{ $username }
profile-id = ID: <code>{ $id }</code>
profile-balance = 💳 Balance: <b>{ $balance ->
        [one] { $balance } credit
       *[other] { $balance } credits
    }</b>
profile-held = ⏳ Set aside for the picture in work: { $held ->
        [one] { $held } credit
       *[other] { $held } credits
    }
profile-trial = 🎁 Free pictures: { $left }
statement-title = <b>Last movements</b>
statement-line = { $date } · { $amount } · { $what } → { $balance }
entry-grant = gift
entry-generation-hold = set aside for a picture
entry-generation-release = came back
entry-generation-capture = picture
entry-adjustment = correction
entry-topup = purchase
entry-refund = payment returned
entry-other = movement
