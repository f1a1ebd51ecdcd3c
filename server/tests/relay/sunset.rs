//! The announced end of a relay, from the announcement to the empty folder.

use std::io::Write;

use himaya_protocol::wire::relay::{Descriptor, PATH_CELLS, PATH_RELAY, PUT_ANSWER_SIZE, record};
use hyper::StatusCode;

use crate::client::{Put, address, cell, chunk, get, pick_cells, post, put_cell, put_chunk};
use crate::operator::{complained, run, said};
use crate::process::{Home, Relay};

async fn announced(relay: &Relay) -> Option<u32> {
    Descriptor::from_bytes(&get(relay, PATH_RELAY).await.body).unwrap().sunset
}

/// Makes it so that the end was announced for a day that is over.
fn over(home: &Home) {
    let mut file = std::fs::File::create(home.dir.join("sunset")).unwrap();
    writeln!(file, "2020-02-29").unwrap();
}

#[tokio::test]
async fn an_end_is_announced_and_taken_back_while_the_relay_runs() {
    let home = Home::new();
    assert!(said(&run(&home, &["sunset", "DIR"])).contains("No end is announced"));
    let relay = home.serve();
    assert_eq!(announced(&relay).await, None);
    let done = run(&home, &["sunset", "DIR", "2199-12-31"]);
    assert!(said(&done).contains("2199-12-31") && said(&done).contains("read only"), "{done:?}");
    relay.hang_up();
    // It is looked at as soon as the relay's turn comes.
    while announced(&relay).await.is_none() {}
    assert_eq!(announced(&relay).await, Some(84_005));
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored), "until then all is as before");
    assert!(said(&run(&home, &["sunset", "DIR", "--cancel"])).contains("Taken back"));
    relay.hang_up();
    while announced(&relay).await.is_some() {}
    assert!(!home.dir.join("sunset").exists());
}

#[test]
fn a_day_that_is_no_day_or_too_soon_is_refused() {
    let home = Home::new();
    for (date, says) in [("soon", "2027-01-31"), ("2020-01-01", "later day"), ("2027-02-30", "2027-01-31")] {
        let refused = run(&home, &["sunset", "DIR", date]);
        assert!(!refused.status.success() && complained(&refused).contains(says), "{refused:?}");
        assert!(!home.dir.join("sunset").exists());
    }
    over(&home);
    for words in [["sunset", "DIR", "--cancel"], ["sunset", "DIR", "2199-12-31"]] {
        let refused = run(&home, &words);
        assert!(!refused.status.success() && complained(&refused).contains("2020-02-29"), "{refused:?}");
    }
    std::fs::write(home.dir.join("sunset"), "whenever").unwrap();
    let Err(end) = home.try_serve(&[]) else { panic!("it was taken") };
    assert!(end.log.contains("whenever"), "{}", end.log);
}

#[tokio::test]
async fn after_the_last_day_the_relay_is_read_only_and_then_gone() {
    let home = Home::new();
    let relay = home.serve();
    put_cell(&relay, &address(1), &cell(1)).await.unwrap();
    put_chunk(&relay, &address(2), &chunk(2)).await.unwrap();
    drop(relay);

    // Windows of 30 days: what came today is kept.
    let yesterday = std::process::Command::new("date").args(["-u", "-d", "yesterday", "+%F"]).output().unwrap();
    std::fs::write(home.dir.join("sunset"), &yesterday.stdout).unwrap();
    let relay = home.serve();
    assert!(announced(&relay).await.is_some());
    let refused = post(&relay, PATH_CELLS, record(&address(3), &cell(3))).await;
    assert_eq!(refused.status, StatusCode::GONE);
    assert_eq!(refused.body.len(), PUT_ANSWER_SIZE);
    assert!(refused.body.starts_with(br#"{"type":"urn:himaya:problem:sunset""#));
    assert!(put_chunk(&relay, &address(4), &chunk(4)).await.is_err());
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Same));
    assert!(matches!(put_cell(&relay, &address(1), &cell(9)).await, Ok(Put::Taken(_))));
    assert_eq!(put_chunk(&relay, &address(2), &chunk(2)).await, Ok(Put::Same));
    assert_eq!(pick_cells(&relay, &[address(1), address(3)]).await, [Some(cell(1)), None]);
    drop(relay);

    // The last day is long over, and so is every window from then on.
    over(&home);
    home.configure("window = \"30d\"", "window = \"1s\"");
    std::fs::write(home.dir.join("mine.txt"), "not the relay's").unwrap();
    // To the relay that is a clock which has jumped ahead, so its operator has to say that it is right.
    let Err(end) = home.try_serve(&[]) else { panic!("it destroys what it was not told to") };
    assert!(end.log.contains("catch-up") && end.log.contains("`window`"), "{}", end.log);
    let caught_up = run(&home, &["catch-up", "DIR"]);
    assert!(said(&caught_up).contains("1 cells and 1 chunks"), "{caught_up:?}");
    let mut relay = home.serve();
    let end = relay.wait();
    assert!(end.status.success() && end.log.contains("store and keys are destroyed"), "{}", end.log);
    assert_eq!(left(&home), ["mine.txt", "relay.toml", "sunset"]);
    let again = run(&home, &["serve", "DIR"]);
    assert!(again.status.success() && said(&again).contains("This relay has ended"), "{again:?}");
    assert!(said(&run(&home, &["sunset", "DIR"])).contains("rm -r"));
}

#[test]
fn an_end_that_broke_off_is_gone_on_with() {
    let home = Home::new();
    home.serve().kill();
    // As after a power cut between the first word of it and the last file.
    std::fs::write(home.dir.join("sunset"), "2020-02-29 ended\n").unwrap();
    let done = run(&home, &["serve", "DIR"]);
    assert!(done.status.success() && said(&done).contains("This relay has ended"), "{done:?}");
    assert_eq!(left(&home), ["relay.toml", "sunset"]);
}

fn left(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(&home.dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
