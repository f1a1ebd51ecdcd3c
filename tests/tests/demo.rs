//! `cargo demo`, README's first command, is played to its end.

use himaya_tests::demo;

#[test]
fn the_demo_ends() -> anyhow::Result<()> {
    let mut told = Vec::new();
    demo::play(&mut told)?;
    let told = String::from_utf8(told)?;
    assert!(told.trim_end().ends_with("Everything the demo made has been deleted."), "{told}");
    Ok(())
}
