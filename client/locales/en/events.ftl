# Events as inbox, show and watch print them.

inbox-empty = Nothing has arrived yet.
event-by = { $name } in { $circle }, { $time }
event-by-you-nowhere = You, { $time }. Nobody can receive it yet: you are in no circle.
event-by-you = You in { $circle }, { $time }
event-alert = Alert: { $kind }
event-ack-human = { $name } has read it.
event-ack-acting = { $name } is acting on it.
event-clear = All clear: it is over.
event-notice = Message
event-leave = { $name } asks to leave { $circle }.
event-plan =
    Check-ins are planned. To see them:
      himaya checkin list
event-check-ok = Checked in: well.
event-check-late = Checked in: well, but needs longer.
event-check-help = HELP at a check-in. Treat it as an alarm.
event-missed =
    A check-in was missed. To see whose:
      himaya checkin list
you-joined = You are now in { $circle }.
event-you-removed = You are no longer in { $circle }.
event-exercise = EXERCISE. This is practice, nobody is in danger.
event-not-actual = Not in earnest: { $status }.
event-expired = This alert has expired.
event-over = This alert is over.
event-update-needed = Part of this needs a newer Himaya. Update to see all of it.
event-answer-next =
    To say that you have read it, or that you are acting:
      himaya ack ID
      himaya ack ID --acting

# One field of an event: its name, then its value.
field-line = { $label }: { $value }
label-actor = By
label-affected = Affected
label-certainty = Certainty
label-contact = Answering
label-count = People
label-evidence = Evidence, number of pieces
label-expires = Expires
label-lang = Language
label-place = Region
label-response = Asked for
label-severity = Severity
label-tlp = May be passed on
label-urgency = Urgency
label-when = When
value-now = when it was sent

# A word of a newer version.
update-needed-word = { $word } (update needed)

## In a few words
said-alert = Alert: { $value }
said-ack-device = A device has it
said-ack-human = Read
said-ack-acting = Acting
said-clear = All clear
said-notice = Message
said-request = Shelter asked for: { $value }
said-offer = Shelter offered
said-match = Match: { $value }
said-handover = Handover note
said-plan = Check-in plan
said-check-in = Check-in: { $value }
said-triage = Decision: { $value }
said-note = Desk note
said-assignment = Assignment: { $value }
said-referral = Referral: { $value }
said-consent = Consent: { $value }
said-verification = Graded { $value }
said-evidence = Evidence
said-stand-down = Stood down
said-duress = DURESS
said-snapshot = Summary for newcomers
said-desk = Settings of the desk
said-escalation = Nobody answered, step { $count }
said-leave = Asks to leave
said-unknown = Needs a newer Himaya
