//! What the relay says it stores is what the schema declares. That it is what lies on the disk is shown where real clients use
//! a real relay: tests/tests/adversary/stored.rs.

use himaya_relay::schema::{PLACES, STORED};

use crate::process::Home;

#[test]
fn the_audit_names_every_declared_field_and_file() {
    let home = Home::new();
    let report = home.audit();
    for record in &STORED {
        for field in record.fields {
            assert!(report.contains(field.name) && report.contains(field.purpose), "{field:?}");
        }
    }
    for place in &PLACES {
        assert!(report.contains(place.path) && report.contains(place.holds), "{place:?}");
    }
}
