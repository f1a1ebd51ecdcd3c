//! What everybody must agree on: one commit an epoch (I3).

use std::collections::BTreeMap;

use himaya::engine::{self, CircleState};

use super::Person;

/// The epoch authenticator of every epoch that anybody was seen in.
#[derive(Default)]
pub struct Ledger {
    note: String,
    seen: BTreeMap<(Vec<u8>, u64), Seen>,
}

/// The authenticator of an epoch, and who was there.
struct Seen {
    authenticator: Vec<u8>,
    people: Vec<String>,
}

impl Ledger {
    /// One that says with every failure how to play it again.
    pub fn noting(note: String) -> Self {
        Self { note, ..Self::default() }
    }

    /// Compares where a person is with where everybody was before. An honest relay is not suspected meanwhile.
    pub fn check(&mut self, person: &mut Person) {
        person.assert_trusts();
        let circles = person.run(|ctx| engine::list(ctx));
        for circle in circles.into_iter().filter(|circle| circle.state == CircleState::Active) {
            let authenticator = person.run(|ctx| engine::authenticator(ctx, &circle));
            let first = || Seen { authenticator: authenticator.clone(), people: Vec::new() };
            let seen = self.seen.entry((circle.id, circle.epoch)).or_insert_with(first);
            let (name, people, epoch, note) = (&person.name, &mut seen.people, circle.epoch, &self.note);
            assert!(
                seen.authenticator == authenticator,
                "I3: {name} merged another commit before epoch {epoch} than {people:?}; {note}"
            );
            if !people.contains(name) {
                people.push(name.clone());
            }
        }
    }

    /// Compares everybody.
    pub fn check_all(&mut self, people: &mut [Person]) {
        people.iter_mut().for_each(|person| self.check(person));
    }

    /// Everybody who follows the circle is in one epoch with the same members, and somebody does.
    pub fn assert_together(&mut self, people: &mut [Person], circle: &str) {
        self.check_all(people);
        let note = &self.note;
        let mut following = people.iter_mut().filter_map(|person| {
            person.follows(circle).then(|| (person.circle(circle).epoch, person.members(circle), person.name.clone()))
        });
        let (epoch, members, first) = following.next().expect("somebody follows the circle");
        for (other_epoch, other_members, name) in following {
            assert_eq!(epoch, other_epoch, "{first} and {name} are in one epoch; {note}");
            assert_eq!(members, other_members, "{first} and {name} see the same members; {note}");
        }
    }
}
