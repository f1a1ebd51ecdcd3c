//! Flushes that fail while the relay runs: nothing is acknowledged after one, and the operator is told.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::disk::{Mount, skipped};
use crate::health::{ask, free_port};
use crate::load::Load;
use crate::process::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_flush_that_fails_nothing_is_acknowledged_and_the_operator_is_told() {
    let name = "after_a_flush_that_fails_nothing_is_acknowledged_and_the_operator_is_told";
    let (disk, device) = match Mount::that_fails(256, 72, 44) {
        Ok(made) => made,
        Err(why) => return skipped(name, &why),
    };
    let home = Home::at(&disk.path.join("relay"));
    let at = free_port();
    home.configure("health = \"off\"", &format!("health = \"{at}\""));
    // Somebody takes long over the handshake, so that the end takes a moment in which health can be asked for.
    home.configure("handshake = \"10s\"", "handshake = \"10m\"");
    let relay = Arc::new(home.serve());
    let _slow = TcpStream::connect(relay.address).await.unwrap();
    let load = Load::start(&relay, 1, 8);
    // The writers end when the relay stops answering them with anything but 503, which promises nothing.
    let mut memory = load.end().await;
    let told = ask(at, "/health").await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("failed: ") && told.contains("at the disk"), "{told}");
    let end = Arc::into_inner(relay).expect("the writers have ended").wait();
    assert_eq!(end.status.code(), Some(1), "{}", end.log);
    assert!(end.log.contains("storage failed; nothing more is written until the next start"), "{}", end.log);
    assert!(end.log.contains("storage has failed; what was acknowledged is on disk"), "{}", end.log);
    println!("{} acknowledged before the first flush failed", memory.acknowledged());
    assert!(memory.acknowledged() > 10);

    // On a disk that is still broken it does not start, and says what to do.
    let Err(end) = home.try_serve(&[]) else { panic!("it serves from a disk that takes nothing") };
    assert!(end.status.code() == Some(1) && end.log.contains("look at the disk"), "{}", end.log);
    device.mend();
    disk.cut().unwrap();
    disk.remount();
    memory.check(&home.serve()).await;
}
