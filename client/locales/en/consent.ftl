# Consent, exports, referrals, grades, numbers.

consent-granted = Written down. It can be withdrawn at any time, with one command.
consent-refused = Written down: nothing is passed on. Refusing changes nothing about the help.
consent-withdrawn = Withdrawn. From now on nothing more is passed on under it. What somebody has already cannot be called back.
consent-id =
    Its number, to withdraw it:
    {"  "}{ $id }
consents-none = Nothing was said about consent.
consent-stands = { $name } may have this for { $what }, until { $time }:
consent-over = { $name } may not have this any more for { $what }:
consent-refusal = { $name } may have nothing for { $what }.
consent-withdrawal = Withdrawn for { $what }: { $name }.
consent-fields = { $value }
export-preview = These { $count } bytes leave, sealed, and nothing else:
export-ask =
    To seal them, write the file and note it in the case, type this word:
    {"  "}{ $id }
export-word = The word:
export-not = Nothing was written.
export-done = Sealed to the key of { $name }. The case says who exported what to whom.
export-file =
    The sealed file:
    {"  "}{ $path }
referred = The referral is written. Their answer appears here.
referred-here =
    The referral is noted for your desk. Nothing was sent: only --bridge reaches another organisation. To give them what the consent lets out, as a file:
      himaya export CASE --to CLASS:WHO --key KEY --format json --out FILE
    What they answer, another coordinator notes by the referral's number:
      himaya referrals accept ID
referral-id =
    Its number:
    {"  "}{ $id }
referral-answered = Your answer is written.
referral-taken-back = It is taken back. Whoever was asked sees that; what they have read they have read.
referrals-none = Nothing is referred.
referral-line = { $name }, { $value }: { $status }
graded = Graded { $value }. The grade is the item's, not a person's.
stats-total = { $count ->
    [0] No case has ended that may be counted.
    [one] One case has ended that may be counted.
   *[other] { $count } cases have ended that may be counted.
}
stats-held = Too few cases have ended to tell a number.
stats-months = By the month they began:
stats-priorities = By how urgent they were:
stats-outcomes = By how they ended:
stats-few = fewer than five, or held back
