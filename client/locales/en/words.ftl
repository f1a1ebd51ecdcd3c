# The words of the vocabularies, as people read them.

kind-unspecified = in danger
kind-threat = threat
kind-death-threat = death threat
kind-surveillance = surveillance
kind-stalking = stalking
kind-sexual-harassment = sexual harassment
kind-assault = assault
kind-sexual-violence = sexual violence
kind-torture = torture
kind-attempted-killing = attempted killing
kind-arrest = arrest
kind-detention = detention
kind-disappearance = disappearance
kind-abduction = abduction
kind-house-arrest = house arrest
kind-home-raid = home raid
kind-office-raid = office raid
kind-group-ban = ban of the group
kind-travel-restriction = travel restriction
kind-confiscation = confiscation
kind-defamation = defamation
kind-legal-harassment = legal harassment
kind-device-lost = device lost or taken
kind-device-or-account-suspicious = device or account behaves suspiciously
kind-site-down = website down
kind-impersonation = impersonation
kind-online-harassment = online harassment

urgency-immediate = now
urgency-expected = soon
urgency-future = later
urgency-past = over
urgency-unknown = unknown

severity-extreme = extreme
severity-severe = severe
severity-moderate = moderate
severity-minor = minor
severity-unknown = unknown

certainty-observed = seen or happening
certainty-likely = likely
certainty-possible = possible
certainty-unlikely = unlikely
certainty-unknown = unknown

response-shelter = shelter
response-evacuate = help to get away
response-prepare = be ready
response-execute = do as planned
response-avoid = stay away
response-monitor = keep watch
response-assess = look into it
response-allclear = all clear
response-none = nothing

affected-self = the sender
affected-colleague = a colleague
affected-family = family
affected-organisation = the organisation
affected-group = a group

count-1 = 1
count-2-5 = 2 to 5
count-6-20 = 6 to 20
count-over-20 = more than 20

actor-armed-forces = armed forces
actor-police = police
actor-prison = prison staff
actor-intelligence = intelligence service
actor-judiciary = judiciary
actor-paramilitary = paramilitaries
actor-vigilante = vigilantes
actor-armed-group = armed group
actor-private-guards = private guards
actor-crowd = crowd
actor-family = family
actor-employer = employer
actor-corporation = corporation
actor-unknown = unknown

contact-reply-here = answer here
contact-dont-call = do not call
contact-code-phrase = use the code phrase

status-actual = in earnest
status-exercise = exercise
status-system = system
status-test = test
status-draft = draft

tlp-red = to nobody
tlp-amber-strict = inside the organisation only
tlp-amber = inside the organisation and to its clients
tlp-green = inside the community
tlp-clear = to everyone

priority-p1 = P1 now
priority-p2 = P2 urgent
priority-p3 = P3 soon
priority-p4 = P4 in time

stands-new = new
stands-acked = answered
stands-triaged = triaged
stands-active = active
stands-monitor = watched
stands-closed = closed
stands-purged = deleted
stands-declined = declined
stands-withdrawn = withdrawn
stands-referred = referred
stands-transferred = transferred
stands-reopened = reopened
stands-duress-hold = held for duress

offer-open = open
offer-held = held
offer-full = full
offer-paused = paused
offer-withdrawn = withdrawn

matched-proposed = proposed
matched-host-ok = the host said yes
matched-guest-ok = host and guest said yes
matched-declined = declined
matched-expired = expired
matched-cancelled = cancelled

need-step-free = step-free
need-women-only = for women only
need-private-room = a room of one's own
need-child-safe = safe for children
need-medication-storage = a fridge for medication
need-assistance-animal = room for an assistance animal
need-remote-work = a place to work
## consent, referral
field-kind = what happened
field-urgency = how soon
field-severity = how bad
field-certainty = how sure
field-affected = who is affected
field-count = how many
field-when = when
field-place = region
field-actor-class = by whom
field-contact = how to answer
field-note = the words
field-evidence = evidence
field-needed-by = by when shelter is needed
field-adults = how many adults
field-children = how many children
field-duration = for how long
field-area-ok = where it may be
field-area-avoid = where it must not be
field-needs = what the place must have
field-transport = how they get there
field-contact-window = when they can be reached
field-status = where the case stands
field-priority = how urgent it is
field-services = what is asked for
purpose-service = a service
purpose-shelter = shelter
purpose-referral = a referral
purpose-advocacy = advocacy
purpose-statistics = counting
purpose-evidence = evidence
recipient-desk = the desk
recipient-organisation = the organisation
recipient-provider = the provider
recipient-host = the host
recipient-authority = the authority
referral-in-progress = not answered yet
referral-accepted = accepted
referral-rejected = rejected
referral-done = done
referral-revoked = taken back
service-physical-security = physical security
service-digital-security = digital security
service-communications = communications
service-training = training
service-transport = transport
service-legal = legal help
service-medical-psychosocial = medical and psychosocial help
service-humanitarian-family = help for the family
service-urgent-relocation = urgent relocation
service-monitoring-advocacy = monitoring and advocacy
service-medico-legal-documentation = medico-legal documentation
service-other = something else

part-lead = lead
part-backup = backup

act-take = taken
act-offer = offered
act-accept = accepted
act-release = released
act-shift-handover = handed over

verified-in-person = in person
verified-call = in a call, by voice
verified-code-phrase = by a code phrase
verified-third-person = by somebody who saw the defender

check-in-ok = ok
check-in-delay = late
check-in-help = help

needed-by-tonight = tonight
needed-by-48h = in 48 hours
needed-by-7d = in 7 days
needed-by-date = on a day

consent-grant = given
consent-refuse = refused
consent-withdraw = withdrawn
