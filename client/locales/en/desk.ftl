# Desks and cases.

desk-created = The desk { $name } exists. You are its owner.
desk-next =
    Coordinators accept a card of yours and are let in by their number:
      himaya card new
      himaya approve ID --circle NAME --as coordinator
    Defenders accept an intake card and get a line with the whole desk:
      himaya card new --intake
      himaya approve ID --line
desk-women = If you want to talk to women only: { $value }
bridge-leads = On this device the bridge { $name } leads to { $value } from now on; nothing for anybody else goes over it.
desk-policy-set = The desk works like that from now on.
desk-shift-set =
    { $count ->
        [one] One shift is planned.
       *[other] { $count } shifts are planned, one after the other from now.
    }
desk-told =
    { $count ->
        [0] There is no line: nobody was told.
        [one] One defender is told.
       *[other] { $count } defenders are told, each in their own line.
    }

group-circle = a circle
group-line = a line: one defender and the desk
group-desk = a desk: an organisation's coordinators
group-case = a case: those who work on it, and the defender
group-host-link = a host and the desk
group-bridge = a bridge to another organisation

cases-none = There is no case that is open.
case-id =
    The case:
    {"  "}{ $id }
case-line = { $value } · { $status } · { $kind }
case-line-bare = { $value } · { $status }
case-shelter = shelter
case-where = In { $circle }
case-lead = { $name } leads.
case-lead-open = { $name } was asked to take over, and has not said yes.
case-no-lead = Nobody leads.
case-ack-due = To be answered within { $count } min.
case-ack-over = Nobody has answered. That was due { $count } min ago.
case-lead-due = Somebody has to take it within { $count } min.
case-lead-over = Nobody has taken it. That was due { $count } min ago.
case-reply-due = The defender is to be written to within { $count } min.
case-reply-over = Nobody has written to the defender. That was due { $count } min ago.
case-waits =
    This needs a second coordinator: { $status }. To confirm it, name it with --confirms:
    {"  "}{ $id }
case-gaps =
    { $count ->
        [one] One message that others have seen is missing here.
       *[other] { $count } messages that others have seen are missing here.
    }
case-taken = The case is yours. The others are told.
case-released = You gave it back. The others are told.
case-offered = They are asked to take it. It is theirs when they accept.
case-handed-over = They are asked to take over. Make sure that they accept; until then the case says that they have not.
case-decided = It is decided, and the others are told.
case-noted = The desk has the note. Nobody else does.
case-replied = It is sent to everybody who works on the case, and the defender.
case-withdrawn = The case is withdrawn. Nobody has to ask why.
case-group-opened = { $circle } is being opened for those who work on the case, and the defender.

shelter-asked = The desk looks for a place. Nobody asks for an address, and hosts see only what you need.
offer-made = The desk knows of your place: region, time and features. Nobody asks for the address.
offer-changed = The desk knows.
offers-none = There is no offer here.
offer-line = { $value } · { $count } free · { $status }
offer-fits = It fits.
offer-misfit = It lacks { $what }.
misfit-full = It is not open, or no place is left.
misfit-time = It does not hold at the time.
misfit-area = It is in the wrong region.
match-proposed = The host is asked. The place is held meanwhile.
match-yes-said = You said yes. The desk is told.
match-no-said = You said no. The desk is told, and nobody asks why.
match-carried = It is passed on.
matches-none = There is nothing to answer or to follow.
match-line = { $status }
note-written = It is said, to those in the case's group alone. Each device shows it once, for a day at most.
notes-none = There is no note.
note-once = This was shown once and is deleted from this device now.
shelter-left = The host will be told. Thank them if you can.
