//! What clients say to each other inside MLS: events.
