# The board. Lines are short: a terminal has 80 columns. What people wrote stands last in its line, so that
# right-to-left text moves nothing else; keep $name at the end.

## Head
board-head = Cases: { $count }   Open P1: { $found }   Free places: { $max }   In touch: { $time }
board-never = never
board-shift = On shift: { $name }
board-shift-none = On shift: nobody
board-offline = The line to the relay is down; trying again.
board-empty = No open case. New ones appear here by themselves.
board-filtered-out = Nothing matches. Esc in the filter shows all cases again.
board-new = { $count ->
    [one] One new case waits, P1: { $found }. Space lets it in.
   *[other] { $count } new cases wait, P1: { $found }. Space lets them in.
}
board-reorder = The order has changed. Space sorts anew.
board-filter-on = Filter: { $name }
board-hints = j/k move  Enter open  a ack  t take  1-4 priority  s status  ? help  q quit
board-hints-detail = j/k case  PgUp/PgDn scroll  Esc close  r reply  n note  v verify  ? help

## Columns
board-col-priority = PRIORITY
board-col-due = DUE
board-col-state = STATE
board-col-age = AGE
board-col-kind = WHAT
board-col-place = WHERE
board-col-party = FOR
board-col-contact = HEARD
board-col-light = CHECK-IN
board-col-consent = CONSENT
board-col-gaps = GAPS
board-col-grade = GRD
board-col-people = LEAD, BACKUPS

## Cells
board-exercise = EXERCISE
board-exercise-all = EXERCISE. This is practice, nobody is in danger.
board-due-ack = ack
board-due-lead = lead
board-due-reply = reply
board-late = late
board-shelter = shelter
board-check-in = check-in
board-no-lead = nobody leads
board-lead-open = asked:
board-lead-you = you
board-consent-yes = yes
board-consent-no = none
board-light-over = over
board-light-waiting = in time
board-light-remind = soon
board-light-due = due
board-light-help = HELP
board-light-missed = MISSED
board-light-unknown = unknown

## Detail
board-case-number = Number of this case, for commands:
board-own-rating = The defender's side rated it { $value }; the desk decided otherwise, with a reason below.
board-second = Waits for a second coordinator: { $value }. To confirm, choose the same with s.
board-two-leads = You and somebody else took the lead at once; you are backup. Lead: { $name }
board-defender = Defender: { $name }
board-leads = Lead: { $name }
board-backups = Backup: { $name }
board-unconfirmed = The lead was asked to take over and has not said yes. t says yes.
board-missing = Messages that others have seen and this device has not: { $count }
board-skewed = A clock is wrong: something here says it is from later than it came.
board-plan-b = Nobody answered in time: the defender was told to open plan B.
board-step = Escalation step that the time has reached: { $count }
board-timeline = What happened, newest first
board-sealed = The plan that was sealed for this miss:
board-by = { $what } · { $time } · { $name }
board-you = you

## What happened

## Actions
board-do-ack = Acknowledge
board-do-take = Take the lead
board-do-back = Become backup
board-do-accept = Accept the lead
board-do-priority = Priority { $value }
board-do-status = State: { $value }
board-do-reply = Reply to the defender's case
board-do-note = Note for the desk
board-do-grade = Grade { $value }
board-do-handover = Hand over to { $name }
board-do-match = Propose a place to its host
board-do-refer = Refer to { $name }
board-held = { $what }. Sent in { $seconds } s; u undoes.
board-undone = Undone: { $what }.
board-undo-none = Nothing to undo: what was sent stays. Write a new decision instead.
board-sent = { $what }: saved, and on its way.
board-failed = Not written. { $value }
board-waits = It takes a second coordinator: this waits until another one chooses the same.
board-acked-already = You have acknowledged this already.
board-lead-yours = You lead this case already.
board-backup-yours = You are backup already. h of the lead, or the lead's release, frees the lead.
board-no-home = This device is in no group where this case is worked on. Ask its lead to add you.
board-no-desk = Only a desk reads this, and this device is in none. Ask your organisation's admin to add you.
board-nobody-else = There is nobody to hand over to: no other coordinator is in the case's group.
board-not-yours = You have no part in this case to hand over. t takes one.
board-nowhere = From here this case goes nowhere by a coordinator's decision.
board-no-group = This device is not in the group where this would be said.
board-held-for-duress =
    The defender is under duress: whoever has that device would read it. n writes for the desk alone.
board-no-request = Nobody asks for shelter in this case.
board-no-place =
    No free place that this device knows fits. All places, and what speaks against each:
      himaya shelter search REQUEST
board-no-consent =
    Nothing may be passed on: no consent to a referral stands in this case. How to ask for one and write it down:
      himaya consent --help
board-place = { $value } · { $count } free
board-place-with = { $value } · { $count } free · { $what }
board-release = { $what } → { $value } { $name }
board-release-over = { $what } · over { $name }
board-no-case = Select a case first.

## Questions
board-ask-reason = Why? The reason stays with the decision. Enter goes on, Esc keeps a draft.
board-ask-alternative = What can the defender do instead? Enter goes on, Esc keeps a draft.
board-ask-close = Closing: type { $word } and press Enter. Esc leaves it open.
board-close-word = close
board-close-wrong = That was not the word; the case stays open.
board-ask-reply = Message to everybody in this case, the defender too. Enter holds it for sending, Esc keeps a draft.
board-ask-note = Note that only the desk reads. Enter holds it for sending, Esc keeps a draft.
board-note-reason = note of the desk
board-ask-grade = Source A to F, information 1 to 6, such as B2; F6 is not known. It rates the item, nobody.
board-grade-wrong = A letter A to F and a number 1 to 6, such as B2.
board-ask-filter = Show only what has all of these words; all shows ended cases too. Enter keeps it, Esc clears it.
board-ask-status = Which state? A number, or Esc.
board-ask-verified = How was it made sure, outside of this system, that the defender is free to speak? A number, or Esc.
board-ask-member = Hand over to whom? A number, or Esc.
board-ask-place = Which place is proposed to its host? Host and guest learn nothing of each other. A number, or Esc.
board-ask-release = What is passed on, to whom? Only what was consented to. A number, or Esc.
board-ask-service = For which service? A number, or Esc.
board-ask-leave = { $count ->
    [one] One action is not sent yet: s sends it, d drops it, Esc stays.
   *[other] { $count } actions are not sent yet: s sends them, d drops them, Esc stays.
}
board-too-long = Too long: at most { $max } characters.
board-empty-text = Nothing was typed.
board-form = What was chosen does not fit together. Choose again.
board-bad-text = It holds a character that cannot be shown.
board-hook-failed = The hook cannot be run: { $cause }
board-no-screen =
    The board needs a terminal. For programs:
      himaya board --json
board-closed = The board is closed. Nothing is received until you sync, watch or open it again.

## Help
board-help-title = Keys. Any key goes back.
board-key-move = one case down or up; PgUp, PgDn, Home, End further
board-key-open = open the case; again or Esc closes it
board-key-ack = acknowledge: a person has read it
board-key-take = take the lead, say yes to a handover, or become backup
board-key-priority = set the priority, with a reason
board-key-status = change the state: triaged, active, watched, closed and so on
board-key-reply = write to everybody in the case
board-key-note = write a note for the desk alone
board-key-verify = grade the source and the information
board-key-match = propose a place
board-key-refer = refer the case
board-key-hand = hand over your part to somebody
board-key-filter = show only some cases
board-key-let-in = let new cases in and sort anew
board-key-undo = take the last action back, for 10 seconds
board-key-quit = leave
board-help-order = Order: duress, overdue, priority, nearest deadline, oldest.
board-help-late = DUE counts down in hours and minutes; "late" counts up from the deadline.
