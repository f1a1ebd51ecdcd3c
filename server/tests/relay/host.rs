//! An operator who makes and revokes invites beside the relay, and remembers what was said to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use himaya_protocol::wire::invite::{Invite, InviteHash};

use crate::process::command;

/// How many invites are made with one command.
const AT_ONCE: &str = "3";

/// What was done, by the names that `invite list` shows.
#[derive(Default)]
pub struct Host {
    kept: BTreeSet<String>,
    revoked: BTreeSet<String>,
    /// Whose revocation was not answered.
    unsure: BTreeSet<String>,
}

impl Host {
    pub fn made(&self) -> usize {
        self.kept.len() + self.revoked.len() + self.unsure.len()
    }

    pub fn revoked(&self) -> usize {
        self.revoked.len()
    }

    /// Makes and revokes until the relay or its disk is gone.
    pub fn work(mut self, dir: &Path, ended: &AtomicBool) -> Self {
        let dir = dir.to_str().unwrap();
        while !ended.load(Ordering::SeqCst) {
            let made = command(["invite", "new", dir, "--count", AT_ONCE]);
            if !made.status.success() {
                break;
            }
            let made = String::from_utf8(made.stdout).unwrap();
            let names: Vec<_> = made.lines().map(|code| name(&code.parse().unwrap())).collect();
            let last = names.last().cloned().expect("some were made");
            self.kept.extend(names);
            self.kept.remove(&last);
            if !command(["invite", "revoke", dir, &last]).status.success() {
                self.unsure.insert(last);
                break;
            }
            self.revoked.insert(last);
        }
        self
    }

    /// Whether every invite is there that should be, and none that should not. How much each has drawn.
    pub fn check(&mut self, dir: &Path) -> BTreeMap<String, u64> {
        let listed = command(["invite", "list", dir.to_str().unwrap()]);
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let listed = String::from_utf8(listed.stdout).unwrap();
        let of_line = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap().to_owned();
            (name, words.nth(1).unwrap().parse().unwrap())
        };
        let drawn: BTreeMap<String, u64> = listed.lines().skip(1).map(of_line).collect();
        for kept in &self.kept {
            assert!(drawn.contains_key(kept), "an invite that was handed out is gone");
        }
        for revoked in &self.revoked {
            assert!(!drawn.contains_key(revoked), "an invite that was revoked is back");
        }
        drawn
    }
}

fn name(invite: &Invite) -> String {
    InviteHash::of(&invite.secret).0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}
