# What went wrong, whether anything was lost, and what to do now.

## The line and the relay
relay-no-connection = The relay cannot be reached. Check the connection; everything you wrote is saved on this device.
relay-no-proxy =
    The relay cannot be reached through the proxy, and nothing leaves this device without it. Check the connection, and that Tor is running; everything you wrote is saved on this device. To see or change the proxy:
      himaya net
relay-no-forwarder =
    The forwarder cannot be reached, and nothing goes to the relay without it. Check the connection; everything you wrote is saved on this device. To see or change the forwarder:
      himaya net
relay-behind = The forwarder is there, but does not reach the relay. Try again in a while; everything you wrote is saved on this device. If it lasts, tell whoever runs the forwarder.
relay-wrong-forwarder = Stop: what answers is not your forwarder. Nothing was sent. Use another network, and ask whoever runs it for the forward link on a way you trust.
relay-other-key =
    Stop: your relay shows another key for forwarders than before for the same time. It may be telling people apart by it, so nothing was sent; everything you wrote is saved on this device. Ask the operator whether the relay's key was lost. Others of the same relay see whether it is only you. A new key comes by itself after some days; or go without the forwarder:
      himaya net --via off
forward-form = This is not a forward link. It begins with himaya-forward: and whoever runs the forwarder has it; copy it whole.
relay-onion =
    Your relay is an onion address, which can only be reached through Tor. Everything you wrote is saved on this device. Start Tor, then:
      himaya net --proxy socks5h://127.0.0.1:9050
proxy-form =
    This is not a proxy. It is socks5h://HOST:PORT, without a name and password; the h says that the proxy looks names up, not this device. For Tor on this device:
      himaya net --proxy socks5h://127.0.0.1:9050
relay-cut = The connection was cut. Try again; everything you wrote is saved on this device.
relay-timeout = The relay does not answer. Try again in a while; everything you wrote is saved on this device.
relay-wrong-key = Stop: what answers is not your relay. Nothing was sent. Use another network, and ask the operator for the relay link on a way you trust.
relay-insecure = Something between you and the relay is in the way, perhaps a login page of this network. Nothing was sent. Open the login page or use another network.
relay-not-understood = The relay does not understand this version of Himaya. Update Himaya, or ask the operator to update the relay.
relay-not-allowed =
    The relay does not let you write. Ask its operator for an invite, and add it:
      himaya invite add CODE
relay-not-found = The relay does not have this. Ask its operator whether it is up to date.
relay-gone = The relay no longer keeps this: it was too long ago.
relay-too-large = This is more than the relay takes. Make it shorter.
relay-busy = The relay is busy. Himaya tries again by itself while it runs.
relay-full = The relay has no room left. Tell its operator; what you wrote is saved on this device.
relay-unexpected = The relay answered with the unexpected status { $status }. Ask its operator whether it is up to date.
relay-malformed = The relay's answer makes no sense. Update Himaya, and tell the operator if it stays so.
relay-endpoint = The relay link names no place to connect to. Copy it again from the operator.
tls-setup = This build of Himaya cannot make secure connections. Install it again.

## Links and cards
link-scheme =
    This is not a relay link. It begins with:
      himaya-relay:
link-mistyped = The relay link is incomplete or mistyped. Copy it again.
link-newer = The relay link is of a newer kind. Update Himaya.
invite-scheme =
    This is not an invite or a kit. They begin with:
      himaya-invite:
      himaya-kit:
invite-mistyped = The code is incomplete or mistyped. Copy it again.
invite-newer = The code is of a newer kind. Update Himaya.
invite-refused =
    Your relay does not take your invite: it was revoked, or has expired. Ask whoever gave you the relay link for a new one, and add it:
      himaya invite add CODE
invite-relay =
    The invite is for another relay than yours. Ask for one for your relay, or make a second profile for that relay:
      himaya --home FOLDER init --relay LINK --name NAME
card-scheme =
    This is not a card. It begins with:
      himaya-card:
card-mistyped = The card is incomplete or mistyped. Copy it again.
card-newer = The card is of a newer kind. Update Himaya.

## The profile
profile-missing =
    There is no profile in this folder:
    {"  "}{ $path }
    Make one:
      himaya init --relay LINK --name NAME
profile-exists =
    There is a profile in this folder already:
    {"  "}{ $path }
    Use it, or put a second one elsewhere:
      himaya --home FOLDER init --relay LINK --name NAME
passphrase-wrong = The passphrase does not open the profile. Try again; capital letters and spaces count. If it is surely right, the files of the profile are damaged.
passphrase-weak = The passphrase is too short. Take more words.
profile-newer = The profile was written by a newer Himaya, or is damaged. Update Himaya.
profile-file =
    This file or folder cannot be used ({ $cause }):
    {"  "}{ $path }
no-randomness = This machine gives no randomness, so nothing can be encrypted. Restart it or use another one.
profile-busy = Another Himaya is using the profile. Wait for it or end it, then try again.
profile-failed = The profile could not be read or written. Check that the disk is not full, then try again. Details: { $cause }
profile-damaged = A part of the profile is damaged ({ $what }). Ask the people in your circles to add you again from a new profile.

## Circles and people
no-identity =
    The profile is not set up yet:
      himaya init --relay LINK --name NAME
has-identity =
    The profile is set up already. For a second one:
      himaya --home FOLDER init --relay LINK --name NAME
name-bad = The name is empty or too long. The most is { $max } Latin letters; an Arabic letter counts as two, a Georgian one as three.
unknown-circle =
    You have no circle called { $name }. To see them all:
      himaya circle list
unknown-contact =
    You have no contact called { $name }. To see who is in a circle:
      himaya circle members NAME
unknown-member =
    Nobody in the circle is called { $name }. To see who is in it:
      himaya circle members NAME
unknown-request =
    No request begins with that number. To see them all:
      himaya requests
unknown-event =
    No event begins with that number. To see them all:
      himaya inbox
unknown-thing = There is nothing called { $name }.
ambiguous-notice =
    More than one group could notice when you fall silent. Name one with --circle. To see them:
      himaya circle list
      himaya desk groups
ambiguous-thing = More than one thing is called { $name }. Give the longer name or number.
circle-exists = You have a circle called { $circle } already. Choose another name.
not-owner = Only whoever manages this group can do this: the owner of a circle, the owner or an admin of a desk, any coordinator elsewhere.
changes-nothing = This does not count: { $what }
not-written = Nothing was written: { $what }
refused-role = the author's role does not allow this; ask somebody whose role does.
refused-group = this does not belong into a group of this kind; write it where it belongs.
refused-not-author = only the author can replace an event; write a new one.
refused-not-in-earnest = practice does not change a case that is in earnest; open a drill of its own.
refused-transition = the case cannot go there from where it stands; see what it can become.
refused-not-answered = no coordinator has answered yet; acknowledge the case first.
refused-defenders-own = a withdrawal is the defender's alone; ask the defender.
refused-no-priority = the case has no priority; give one with the decision.
refused-no-lead = the case has no lead; somebody has to take it first.
refused-has-lead = somebody leads this case already; ask for a handover.
refused-not-yours = this part is not the author's to give or to take; ask whoever has it.
refused-confirms = a second coordinator has to confirm the same decision of a first one; name it.
refused-held = the case is held for duress; two coordinators end that, after reaching the defender another way.
refused-not-verified = say how it was made sure, outside of this system, that the defender is free to speak.
refused-no-consent = no consent covers this; ask for one, for this recipient and these fields.
refused-not-read-back = read the consent back to whoever gave it, and say that it was done.
refused-referral = the referral cannot go there from where it stands; look at its state.
refused-desk-only = this note is for the desk alone; leave it out, or write it on the desk.
match-unknown = the request or the offer is not here yet. Sync and try again.
match-stage = the match is not where this would lead on from. Look at it again.
match-no-consent = no consent to look for shelter stands. Ask the guest for one.
match-full = no place is left there.
match-expired = the place was held too long ago. It has to be proposed again.
no-line =
    You have no line to a desk. Accept an organisation's card first:
      himaya card accept CARD
no-link =
    You have no link to a desk. Accept an organisation's card first; they let you in as a host:
      himaya card accept CARD
not-asked = Nobody waits for your answer to this.
not-both = Host and guest have not both said yes. Until then neither learns who the other is.
content-range = Nothing was written: { $what } must be { $min } to { $max }.
content-limit = Nothing was written, because a value is outside its limits: { $cause }.
duress-held =
    Nothing was written: the defender is under duress, and whoever has that device would read it. Reach the defender
    another way. What only the desk reads:
      himaya case note CASE TEXT
no-case-group =
    This case has no group of its own yet. Open one first:
      himaya case group CASE
unknown-case =
    There is no such case. To see all of them:
      himaya case list --all
bridge-other =
    Nothing was sent: the bridge { $name } leads to somebody else. If that is wrong, say whom it leads to:
      himaya desk bridge NAME --to CLASS:WHO
unknown-bridge =
    You have no bridge called { $name }. To see which there are:
      himaya desk groups
no-desk =
    You are on no desk. Ask whoever has one to add you, or make one:
      himaya desk new NAME
check-no-plan =
    You have no check-ins that others wait for. If you need help:
      himaya sos
    To make check-ins:
      himaya checkin new --every day --start TIME
not-defender = Check-ins are made by whom the group protects: the owner of a circle, the defender of a line. Make a circle of your own.
not-a-line = This case has a group already, or it did not come by a line: a group is opened for cases that come by a line.
no-offer =
    Their device has not sent what is needed to add them yet. It does so by itself as soon as it is connected. Try again then:
      himaya sync
role-bad = Nobody has this role in a group of this kind.
owner-stays = The owner cannot leave the circle or be removed from it.
circle-full = The circle is full. Remove somebody first, or make another circle.
member-already = This person is in the circle already.
not-member = You are not in this circle any more. Ask its owner to add you again.
own-card = This card is your own. Give it to the person who should reach you.
other-relay =
    The card is for another relay than yours. Make a second profile for that relay:
      himaya --home FOLDER init --relay LINK --name NAME
card-key-wrong = This card cannot be used: the key at the relay is not the one the card names. Ask its owner for a new card, in person if you can.
request-invalid = This request cannot be accepted ({ $cause }). Ask the person to update Himaya and to use a new card.
not-author =
    Only the person who sent an alert can clear it. You can answer it:
      himaya ack ID
wrong-kind = This cannot be done to this kind of event.
mls-failed = Something failed inside Himaya and nothing was changed. Try again; if it stays so, report this: { $cause }
out-of-step = { $circle } is out of step with you: you may miss what others write. You can still send alerts. Ask its owner to connect; that adds you again.

## Alert files
alert-file-problems = { $count ->
    [one] The alert was not sent. One thing in the file is wrong:
   *[other] The alert was not sent. { $count } things in the file are wrong:
}
problem-not-object = This is not one JSON object (line { $line }, column { $column }).
problem-unknown-field = There is no such field. Leave it out.
problem-repeated = It stands more than once. Keep one.
problem-type = It must be { $expected }.
problem-not-allowed = "{ $given }" is not one of the words allowed here.
problem-form = It must be { $expected }.
problem-range = It must be a whole number from { $min } to { $max }.
problem-too-long = { $found } are too many; the most is { $max }.
problem-empty = It is empty. Leave it out instead.
problem-control = It holds a character that shows nothing (U+{ $code }). Remove it.
problem-allowed =
    Allowed:
    {"  "}{ $words }
sos-word-unknown = { $given } is no kind of alert. The alert goes out without a kind, with your word in its note.
sos-circle-unknown = You are in no circle called { $circle }. The alert goes to all your circles.
own-event =
    This is your own. To say that it is over:
      himaya clear ID
sos-note-cut = The note was too long; its first 500 characters go with the alert.
file-unreadable =
    This file cannot be read ({ $cause }):
    {"  "}{ $path }
file-unwritable =
    Nothing can be written here ({ $cause }). Choose a folder of your own:
    {"  "}{ $path }

## Passphrases and output
passphrase-no-terminal =
    No passphrase was given, or there is no terminal to ask for it. Try again, or put it into a file that only you can read, and name it:
      himaya --passphrase-file FILE
passphrase-differs = The two passphrases differ. Start again.
passphrase-file-unreadable =
    The passphrase file cannot be read ({ $cause }):
    {"  "}{ $path }
passphrase-file-open =
    Others on this machine can read the passphrase file, so it is not used. Close it to them:
      chmod 600 { $path }
passphrase-file-bad =
    The first line of the passphrase file is empty, longer than 1,024 bytes or not UTF-8:
    {"  "}{ $path }
output-failed = The output could not be written ({ $cause }). What was done is done; look at it in another window.
card-used = This card was used already. If that was you, wait for its owner to approve you. If not, somebody else has used it: tell its owner, and ask for a new one.
card-key-missing = The key of this card is not on the relay. Ask its owner to connect, or for a new card if this one is older than two weeks.
no-home =
    No folder for the profile is known. Name one:
      himaya --home FOLDER
needs-relay = This needs the relay. Try again without --offline when you have a connection.
id-form = A number is 4 to 64 of the characters 0-9 and a-f.
note-too-long = The note is too long ({ $found }, the most is { $max }). Make it shorter and try again.
card-too-long-for-qr = The card is too long for a QR code. Copy the text instead.

## Consent and exports
export-authority = Nothing is passed on to an authority. There is no way to allow it; name another recipient.
export-no-consent =
    No consent stands for exactly this recipient, so nothing leaves. Ask the defender, and see what stands:
      himaya consent list
export-several =
    Several consents stand for this recipient. See them, and name the one that is meant with --consent:
      himaya consent list
export-purpose = The consent for this recipient lets numbers be counted, not the case be passed on. Ask the defender for another one.
export-nothing = Nothing in the case belongs to the fields that the consent grants, so nothing was written. Ask the defender for the fields that are needed.
export-changed = The case, or a consent, changed while you looked. Nothing was written. Look again and repeat the command.
export-too-long = This does not fit one message over a bridge, so nothing was written. Share fewer fields, or export the case to a file.
export-key = This is no public key of age. Ask the recipient for the one line that begins with age1.
export-key-secret = This is the secret half of a key. Tell the recipient that it was given away, and ask for a new key: the line that begins with age1.
export-seal = Nothing was written: the bytes could not be sealed ({ $cause }). Ask the recipient for another key.
needs-yes = Nothing was done: nobody can be asked here. Say beforehand that you mean it, with --yes.
