//! The protocol of docs/protocol.md over the store: no network, no clock, no randomness of its own.
//!
//! Every function here runs inside one [`crate::store::Profile::transact`] and leaves what is to be sent in the
//! outbox. What each input may do, by the state of the circle it belongs to:
//!
//! | input | active | active, out of sync | removed or left |
//! |---|---|---|---|
//! | cell in a member lane | event logged, slot consumed | the same | not expected any more |
//! | cell in the commit lane | next epoch, or void | kept void | not expected any more |
//! | Welcome from a contact | replaces the circle if it is newer | replaces the circle | joins anew |
//! | own event | member lane | member lane and every contact's lane | refused |
//! | own change of the group | staged, committed in its turn | waits | refused |

mod adrift;
mod asides;
mod backup;
mod cases;
mod circles;
mod commit;
mod contacts;
mod cover;
mod desks;
mod duress;
mod error;
mod events;
mod gateway;
mod heads;
mod identity;
mod indexes;
mod join;
mod judge;
mod ladder;
mod lanes;
mod mls;
mod modes;
mod outbox;
mod parts;
mod pick;
mod plan_b;
mod plans;
mod receive;
mod refer;
mod retention;
pub mod schedule;
mod shelter;
mod signals;
mod sunset;
mod suspicion;
mod terms;
mod tokens;
mod upkeep;
mod views;

pub use adrift::{missed_windows, note_window_length};
pub use backup::{Backup, backup, set_backup};
pub use cases::{
    Place, board, decide, decide_in, decide_until, desk_words_after, draft, entries, entries_after, home, is_held,
    pick_case, workplace,
};
pub use circles::{Circle, CircleId, CircleState, Member, READ_WINDOW};
pub use circles::{create, hears_alerts, leave, list, member_named, members, named, remove};
pub use contacts::{
    Accepted, Contact, Request, accept_card, approve, circle_words, contact, contacts, new_card, requests, words,
};
pub use contacts::{
    check_card, decline, mark_fingerprint_verified, mark_verified, open_card_key, person, was_given_up,
};
pub use cover::{COVER_MEAN_MOST, begin_cover, cover, cover_mean, set_cover_mean};
pub use desks::{
    announce_policy, approve_for_desk, bring_in, broadcast, desk, desk_of_case, fellow, fellows, new_desk, open_case,
    women_of,
};
pub use duress::{is_duress_word, say_when_none_is_due, set_duress_word};
pub use error::EngineError;
pub use events::{Draft, acknowledge, clear, newer, raise, say};
pub use gateway::{gateway_key_changed, gateway_keys, note_gateway_keys};
pub use identity::{Identity, found, identity, valid_name};
pub use indexes::{
    Covers, NextPick, forget_indexes, has_index, index_read, list_answered, look_again, next_pick, pick_one,
    take_index, told_twice, unanswered_list,
};
pub use lanes::{Turn, drop_doomed, is_expected, turn};
pub use modes::{
    Costs, Flow as TrafficFlow, Mode, Purpose as TrafficPurpose, costs, may_sweep, mode, note_traffic, set_budget,
    set_mode, spent_today,
};
pub use outbox::{
    Job, Purpose, QueuedChunk, Taken, chunk_stored, hold_back, next_job, postpone, retry_now, stored, taken, waiting,
    waits_at, waits_for_circle, waits_for_token,
};
pub use pick::{WANTED_MOST, plan_pick};
pub use plan_b::{Helpline, PlanB, plan_b, set_plan_b};
pub use plans::{
    Plan, check_in, climb, end_plan, is_relay_suspect, make_plan, note_read_since, own_plan, plan, plans, protects_me,
};
pub use receive::{Fetched, News, Received, receive, retry_held};
pub use refer::{call_recipient, lead, leads_to, recipients_called, refer};
pub use retention::{Statistics, destroy_due, purged, statistics, was_purged};
pub use schedule::{Pace, lists_due};
pub use shelter::{
    Candidate, OwnPlace, answer_match, ask_for_shelter, carry, change_offer, depart, hand_over, link_of, own_line,
    own_places, propose, put_up_offer, search, shelter, stage_of, take_notes,
};
pub use signals::{Signal, signals};
pub use sunset::{note_relay_sunset, relay_sunset};
pub use suspicion::{
    Reason, Suspicion, begin_reading, end_reading, forget_suspicions, note_seen, note_window, suspicions,
};
pub use terms::{doubted_terms, note_relay_terms};
pub use tokens::{
    DrawFailure, Drawn, InviteState, RESERVE, Right, Stock, add_invite, draw, draw_failed, drawn, may_draw,
    needs_tokens, note_relay_tokens, right_for, stock, token_refused,
};
pub use upkeep::{next_due, oldest_unread, read_again, synced, tick, unread_from};
pub use views::{
    Answer, Entry, Reach, authenticator, authors, by_id, case_log, entry, events_after, inbox, last_event, log,
    log_size, names, status,
};
