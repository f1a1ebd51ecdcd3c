//! A week of two desks: every line of tests/scenarios/week.txt.

use himaya_tests::{sim, week};

#[test]
fn the_week_goes_as_it_is_written() {
    sim::play(|| async {
        let mut told = Vec::new();
        let played = week::play(&mut told).await;
        let told = String::from_utf8(told).expect("the story is text");
        let played = played.unwrap_or_else(|error| panic!("{told}\n{error:#}"));
        assert!(played.expectations >= 30 && played.events >= 200, "{played:?}");
    });
}
