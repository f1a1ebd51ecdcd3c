//! Real clients, brought together in real groups.

use std::collections::HashMap;

use himaya::engine::{self, CircleId};
use himaya_protocol::wire::card::CardKind;
use himaya_protocol::wire::policy::Role;

use super::super::population::Population;
use crate::sim::{Person, World};

/// How many hours may pass, with a sync of everybody in each, until those who have joined have keys of their own.
const SETTLING: u64 = 24;
/// In a group of more than twice as many not everybody renews the own key at first, but whoever has every so-manieth leaf of the
/// group's tree: enough for short commits.
const RENEWING: usize = 8;

/// Everybody, and which group each circle is.
pub(super) struct Crew {
    pub(super) people: Vec<Person>,
    pub(super) groups: HashMap<CircleId, usize>,
}

/// What a group is called with its members.
pub(super) fn name(group: usize) -> String {
    format!("group {group}")
}

impl Crew {
    /// Cards, hellos, approvals, commits and Welcomes for everybody in every group.
    pub(super) async fn assemble(world: &mut World, population: &Population) -> Self {
        let count = population.people.len();
        let mut people: Vec<Person> = (0..count).map(|number| world.person(&format!("person {number}"))).collect();
        let mut groups = HashMap::new();
        for (number, group) in population.groups.iter().enumerate() {
            groups.insert(bring_together(&mut people, number, &group.members).await, number);
        }
        for _ in 0..SETTLING {
            world.clock.advance(3_600);
            for person in &mut people {
                person.sync().await;
            }
            if !people.iter_mut().any(renews) {
                break;
            }
        }
        for (number, group) in population.groups.iter().enumerate() {
            for member in &group.members {
                assert!(people[*member].follows(&name(number)), "person {member} does not follow group {number}");
            }
        }
        Self { people, groups }
    }
}

/// Whether somebody is about to renew a key.
fn renews(person: &mut Person) -> bool {
    person.run(|ctx| Ok(ctx.row("SELECT 1 FROM circle WHERE update_due IS NOT NULL", &[], |_| Ok(()))?)).is_some()
}

/// Where somebody stands in a group's tree: people are added in the order in which their requests were read, which is random.
fn leaf(person: &mut Person, circle: &CircleId) -> usize {
    let sql = "SELECT leaf FROM lane WHERE circle = ?1 AND own = 1 AND kind = 'member' ORDER BY epoch DESC LIMIT 1";
    person.run(|ctx| Ok(ctx.row(sql, &[circle], |row| row.get(0))?)).expect("whoever has joined has a lane")
}

async fn bring_together(people: &mut [Person], group: usize, members: &[usize]) -> CircleId {
    let name = name(group);
    let (owner, others) = members.split_first().expect("a group has an owner");
    people[*owner].create_circle(&name);
    let circle = people[*owner].circle(&name);
    let cards: Vec<_> =
        others.iter().map(|_| people[*owner].run(|ctx| engine::new_card(ctx, CardKind::Single))).collect();
    people[*owner].sync().await;
    for (other, card) in others.iter().zip(&cards) {
        let key = people[*other].driver.card_key(card).await.expect("the card's key is on the relay");
        people[*other].run(|ctx| engine::accept_card(ctx, card, &key, None));
        people[*other].sync().await;
    }
    people[*owner].sync().await;
    for request in people[*owner].run(|ctx| engine::requests(ctx)) {
        people[*owner].run(|ctx| engine::approve(ctx, request.id, &circle, Role::Contact));
    }
    people[*owner].sync().await;
    for other in others {
        people[*other].sync().await;
        if members.len() > 2 * RENEWING && !leaf(&mut people[*other], &circle.id).is_multiple_of(RENEWING) {
            people[*other]
                .run(|ctx| Ok(ctx.execute("UPDATE circle SET update_due = NULL WHERE id = ?1", &[&circle.id])?));
        }
    }
    circle.id
}
