# What the commands say. English is complete; other languages fall back to it message by message.
#
# For translators: a line with an id, a card, a path or a command holds nothing else, because a terminal that turns
# right-to-left text around would turn those around too. Keep these lines as they are; a test looks.
# Fluent drops the indent before and after a placeable, so such a line begins with {"  "}.
# $name, $circle: written by people. $id, $card, $link, $path, $field: for machines. Others: numbers and our own words.

## init
init-done = Your profile is ready, { $name }.
init-remember = Remember the passphrase. Nobody, not even we, can open the profile without it.
init-next =
    To be reached by somebody, make a card and hand it over:
      himaya card new

init-kit-later =
    Once you are connected, ask whoever gave you the kit to let you in. This is their card:
      himaya card accept CARD

## invite
invite-added = The invite is saved on this device.

## card
card-new = Give this card to one person. It works once.
card-new-intake = Whoever holds this card can ask to reach you, as often as they like.
card-handing-over = Hand it over in person or on a way you trust. Whoever gets hold of it can use it.
card-next =
    When they have accepted it, their request appears here:
      himaya requests
kit-new = Give this kit to one person: a card and an invite in one. It works once.
kit-handing-over =
    Hand it over in person or on a way you trust. Whoever gets hold of it can use it:
      himaya init --kit KIT --name NAME
card-accepted = Your request is with the relay. The owner of the card has to approve it.
card-accepted-queued = Your request is saved on this device, but the relay does not have it yet.
card-accepted-next =
    See whether they have approved it:
      himaya sync

card-not-yet =
    The relay does not have the card's key yet. Before somebody can use the card, connect:
      himaya sync

## requests, approve
requests-none = Nobody is waiting for your approval.
requests-count = { $count ->
    [one] One person is waiting for your approval.
   *[other] { $count } people are waiting for your approval.
}
request-from = { $name } asks to reach you, { $time }.
request-next =
    To let somebody into a circle:
      himaya approve ID --circle NAME
request-next-desk =
    To give a defender a line to your desk, or a host a link, or to let in a coordinator:
      himaya approve ID --line
      himaya approve ID --host
      himaya approve ID --circle NAME --as coordinator
approved = { $name } is being added to { $circle }. They see it when they next connect.
approved-queued = { $name } will be added to { $circle } as soon as the relay can be reached.
approved-next =
    Make sure that it is really them:
      himaya verify NAME

declined = The request of { $name } is gone. They are not told.

## circle
circle-created = The circle { $circle } is ready. You are its owner.
circle-next =
    To add somebody, give them a card first:
      himaya card new
circles-none =
    You are in no circle yet. Make one:
      himaya circle new NAME
circle-line = { $circle }: { $count ->
    [one] only you
   *[other] { $count } people
}
circle-owned = Yours.
circle-out-of-step = Out of step: you no longer read what is written there.
circle-left-line = You are not in it any more.
member-line = { $name } ({ $role })
member-you = { $name } ({ $role }), you
member-verified = verified
member-unverified = not verified
member-key-changed = You know somebody called { $name } already, with another key. Ask them on a way you trust before you approve this.
role-owner = owner
role-contact = trusted contact
role-coordinator = coordinator
role-defender = defender
role-host = host
role-admin = admin
member-removed = { $name } is being removed from { $circle } and cannot read what is sent after that.
member-removed-queued = { $name } will be removed from { $circle } as soon as the relay can be reached. Until then they can still read.
leave-asked = You asked to leave { $circle }. You are out when its owner has connected.

## verify
verify-read = Compare these words with { $name }, in person or in a call where you know the voice.
verify-next =
    If they see the same words:
      himaya verify CONTACT --matches
verify-differ = If even one word differs, somebody may be between you. Do not use this contact; make a new card in person.
circle-verify-read = Compare this number and these words with the others in { $circle }, in a call where you know the voices: { $count }.
circle-verify-differ = If the numbers differ, fetch what is new on both devices and compare again. If the numbers are the same and even one word differs, your relay has split the circle: do not use it, and ask for help in another way.
verify-recorded = Recorded: { $name } is verified.
verify-already = { $name } is verified already.

## sos, alert, clear, ack
# The five things that can be true of an alert, from weakest to strongest. Say no more than is true.
truth-saved = Saved on this device.
truth-relay = The relay has it.
truth-devices = Reached { $reached } of { $members } devices.
truth-answered = A person answered: { $name }, { $time }.
truth-acting = Someone is acting: { $name }, { $time }.
truth-relay-not = The relay does not have it yet.
truth-devices-none = No device has confirmed it yet. Devices do so later on purpose, often after an hour.
truth-answered-not = No person has answered yet.
alert-id =
    Its number:
    {"  "}{ $id }
alert-keep-trying =
    Himaya goes on trying as long as this runs:
      himaya watch
alert-no-circle =
    Nobody can receive this yet: you are in no circle. If you can, ask for help in another way now.
    It goes out by itself as soon as somebody is in a circle with you. To make one:
      himaya circle new NAME
alert-nobody =
    Nobody can receive this yet: you are alone in your circle. If you can, ask for help in another way now.
    It goes out by itself as soon as somebody has joined. To add somebody:
      himaya card new
alert-gone = You are no longer in { $circle }, and nobody there may have seen this. If you still need help, ask for it in another way.
sending-now = Sending it now. Ending this does no harm.
in-circle = To { $circle }:
alert-see =
    To see who has answered:
      himaya st
ack-saved = Your answer is saved on this device.
ack-sent = The relay has your answer. { $name } will see that a person has read this.
ack-sent-acting = The relay has your answer. { $name } will see that you are acting.
clear-saved = The all-clear is saved on this device.
clear-sent = The relay has the all-clear. Everyone whom the alert reached is told that it is over.

## questions
# Read by people who are afraid, or read little: few and plain words. The first answer is taken by Enter alone.
ask-begin = Type a number, then Enter. Enter alone takes the first answer.
ask-option = { $count }  { $value }
ask-number = Number:{" "}
ask-again = Please type a number from 1 to { $max }, or only Enter.
ask-taken = Taken: { $value }.
ask-ended =
    No answer came: nothing was sent and nothing was changed. To ask for help without any question:
      himaya sos
ask-kind = What is happening?
ask-when = When?
ask-when-now = now
ask-when-soon = soon
ask-when-past = it is over
ask-who = Who is in danger?
ask-who-self = me
ask-who-family = my family
ask-who-colleague = somebody I work with
ask-who-group = a group
ask-shelter-when = When do you need a place to stay?
ask-tonight = tonight
ask-two-days = in the next two days
ask-seven-days = in the next seven days
ask-adults = How many adults? Only Enter is 1:{" "}
ask-children = How many children? Only Enter is none:{" "}
ask-words = A few words, or only Enter. No names, no addresses:{" "}
alert-queued = Your alert is queued: it is saved on this device and leaves by itself.
alert-over =
    When the danger is over, tell everyone:
      himaya clear ID

## checkin, ok, late, help
checkin-new = { $count ->
    [one] One check-in is set: { $time }.
   *[other] { $count } check-ins are set. The first: { $time }. The last: { $value }.
}
checkin-next =
    When one is due, say that you are well, that you need longer, or that you need help:
      himaya ok
      himaya late 30
      himaya help
checkin-end =
    To end them:
    {"  "}himaya checkin end { $id }
checkin-sealed = The others' devices have what you sealed, and show it only when a check-in is missed. It is Himaya that keeps it shut, not a key: whoever changes their Himaya can read it before.
checkins-none =
    There are no check-ins. To make some:
      himaya checkin new --every day --start TIME
checkin-own = Your check-ins, in { $circle }:
checkin-of = Check-ins of { $name }, in { $circle }:
checkin-opened = What { $name } left for this:
checkin-ended = The check-ins are ended. The others are told.
checkin-ended-saved = The check-ins are ended here. The others are told as soon as the relay can be reached; until then they may miss you.
light-waiting = The next check-in is due { $time }.
light-remind = A check-in is due soon: { $time }.
light-due = A check-in is due. It is late after { $time }.
light-due-own =
    Your check-in is due now. It is late after { $time }. If you are well:
      himaya ok
light-missed = MISSED: { $name } did not check in until { $time }.
light-missed-own =
    You missed your check-in; it was late after { $time }. The others see that. If you are well:
      himaya ok
light-unknown = UNKNOWN: { $name } was to check in until { $time }, but this device has been offline since.
light-help = HELP: { $name } asked for help at a check-in.
light-help-own =
    You asked for help. When you are well again:
      himaya ok
light-over = No check-in is left.
light-ended = They were ended.
step-ask = Ask { $name } now how they are, in the way you agreed on.
step-alert = This is an alarm. Do what you agreed on with { $name }.
relay-suspect = RELAY SUSPECT: several people fell silent together. It may be the relay that is silent, not they. Reach them in another way.
suspect-gap = RELAY SUSPECT, seen { $time }: something that was written in { $circle } is not there, although the relay took it. The relay hides it from you, or somebody in { $circle } interferes.
suspect-window = RELAY SUSPECT, seen { $time }: what you read again was not what it was before. The relay has taken something out, or put something in.
suspect-key-changed = RELAY SUSPECT, seen { $time }: it has shown you two keys where there is one for everybody. It was set up anew, or it tells people apart.
suspect-key-differs = RELAY SUSPECT, seen { $time }: somebody you share a circle with was shown another key than you. The relay may tell people apart.
suspect-silent = RELAY SUSPECT, seen { $time }: it took something that this device wrote, and does not show it. It may hide what others write too.
suspect-terms-differ = RELAY SUSPECT, seen { $time }: again and again, it has said other things of itself to somebody you share a circle with than to you: who may write, how long it keeps what it has, or when it ends. It may tell people apart, or somebody in a circle says what is not so. Ask the others what their Himaya says of the relay's end.
suspect-next =
    Do not rely on this relay alone: reach people in another way about what is urgent. Call those in your circles and compare:
      himaya circle verify CIRCLE
    Ask whoever runs the relay. Once it is explained:
      himaya st --forget-suspicions
check-not-due = No check-in is due now. The next one is due { $time }.
check-help =
    Your call for help goes to everybody who is to notice your check-ins. To call all your circles:
      himaya sos
check-last = That was the last check-in.

## plan B
plan-b = No human has answered. Open your plan B.
plan-b-line = { $name }: { $value }
plan-b-none =
    You have noted none. Go where you are safe; call somebody you trust. To note one for the next time:
      himaya set plan-b TEXT

## sync, watch
sync-new = { $count ->
    [0] Up to date. Nothing new.
    [one] Up to date. One new event.
   *[other] Up to date. { $count } new events.
}
sync-waiting = { $count ->
    [one] One message is saved here and waits for the relay.
   *[other] { $count } messages are saved here and wait for the relay.
}
sync-inbox =
    To read:
      himaya inbox
tokens-left = { $count ->
    [one] You can write once more on your relay before the next draw; { $min } times are kept for alerts, answers and removals.
   *[other] You can write { $count } times on your relay before the next draw; { $min } of them are kept for alerts, answers and removals.
}
tokens-none = You have nothing left to write with on your relay.
tokens-wait = What you wrote is saved on this device. It needs a right to write, and leaves as soon as there is one; alerts leave first.
tokens-invite =
    Ask whoever gave you the relay link for an invite, and add it:
      himaya invite add CODE
tokens-soon =
    More comes with the next draw, at the latest tomorrow. Until then stay in touch, or add another invite:
      himaya sync
      himaya invite add CODE
tokens-key-changed = Your relay shows another key for writing than before. Unless it was set up anew, somebody may be trying to tell who writes what: ask its operator, and compare with others.
tokens-key-differs = Your relay shows you another key for writing than somebody in your circles. It may be trying to tell who writes what. Alerts still go out; send nothing else over it until its operator has explained this.
relay-sunset = Your relay closes: after { $time } (UTC) it takes nothing new. Ask whoever gave you its link for another relay.
relay-sunset-over = Your relay has closed: since { $time } (UTC) it takes nothing new, so nothing you send reaches anybody. If you need help, ask for it in another way.
watch-began = Watching. Ctrl-C ends it.
watch-lost = The line to the relay is down. Trying again.
watch-back = The line to the relay is back.
watch-ended = No longer watching. Nothing is received until you sync or watch again.

## st
st-alerts-none = You have no open alert or request.
st-alerts = { $count ->
    [one] You have one open alert or request.
   *[other] You have { $count } open alerts or requests.
}
st-theirs = { $count ->
    [one] One alert or request of somebody else is open.
   *[other] { $count } alerts or requests of other people are open.
}
st-synced = Last in touch with the relay: { $time }.
st-synced-never =
    Never in touch with the relay yet:
      himaya sync
st-requests =
    { $count ->
        [one] One person is waiting for your approval:
       *[other] { $count } people are waiting for your approval:
    }
    {"  "}himaya requests

## times
ago-now = just now
ago-minutes = { $count ->
    [one] a minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count } hours ago
ago-days = { $count } days ago

## set
net-proxy =
    Everything goes through a proxy, and nothing leaves this device without it. It was set by:
      himaya net --proxy { $proxy }
    To connect directly again:
      himaya net --proxy off
net-via =
    Everything goes sealed through a forwarder, and nothing goes to the relay without it. The forwarder sees your IP address, or your proxy's, and not what you ask; the relay sees what is asked and not by whom. If both work together, that is lost. There is no live feed on this way: while your device watches, it asks for what is new about every half minute. It was set by:
      himaya net --via { $via }
    To do without again:
      himaya net --via off
net-direct =
    This device connects to the relay directly: the relay and your network see its IP address. With Tor on this device:
      himaya net --proxy socks5h://127.0.0.1:9050
net-cover =
    While your device watches, it writes to the relay about every { $seconds } seconds, at random, whether it has something to say or not; what is not urgent waits for that. Alerts and answers leave at once. To change that:
      himaya net --cover 600
net-cover-off =
    Your device writes only when it has something to say, so the relay and your network see when it does. To write at random times while it watches:
      himaya net --cover 3600
net-sweep =
    Your device downloads everything that arrives at the relay, so nobody sees what is yours. If that costs too much:
      himaya net --mode auto --budget 5
net-pick =
    Your device downloads a list of what arrives and asks for its own among others. The relay can guess better than before who is in touch with whom, and while your device watches, messages reach it up to an hour late. To download everything again:
      himaya net --mode sweep
net-auto =
    Your device downloads everything that arrives as long as the day stays within { $budget } MB. After that it asks for its own among others: the relay can guess better who is in touch with whom, and messages come up to an hour late. To download everything:
      himaya net --mode sweep
net-today = Today it has used { $today } MB.
net-days = What a day takes while your device watches: everything ({ $sweep }), or its own among others ({ $pick }):
net-day = { $cells } messages at the relay: { $sweep } MB, or { $pick } MB
net-measured = measured on this device
net-calculated = calculated, not measured yet
set-receipts = Your device tells others that it has their messages after about { $seconds } seconds, at random.
set-receipts-off = Your device no longer tells others that it has their messages. They cannot see how many devices an alert reached.
set-plan-b = This is shown to you when no human answers your alert in time. It stays on this device.
set-plan-b-none = Your plan B is gone from this device.
ask-duress-word = The words that will tell the others you are not free to speak; Enter alone takes them away:
set-duress-word =
    Said after ok, these words tell the others that you are not free to speak. On this device it looks like any other
    check-in. Say some other words with ok on all other days.
set-duress-word-none = No words mean anything after ok any more.
set-backup = When you open a case and your desk does not answer, { $name } may be asked and told what you chose. It holds for cases to come.
set-backup-none = In cases to come nobody else is asked.
set-lang = What you write is marked as { $lang }.

## wipe
ask-wipe = This destroys your keys and everything in this profile; nothing brings them back. Type wipe and press Enter:
wipe-word = wipe
wipe-not = That was not the word; nothing was destroyed.
wiped = The keys are destroyed, and the profile is gone from this device. A disk may keep older copies of what it held.

## man
man-written =
    The manual pages are there. To read the first:
    {"  "}man -l { $path }

## passphrases
passphrase-ask = Passphrase:{" "}
passphrase-new = New passphrase:{" "}
passphrase-again = The same once more:{" "}
passphrase-advice = Choose at least six words that have nothing to do with each other or with you.
