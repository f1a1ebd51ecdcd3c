//! Making and opening a profile's folder.

use himaya::store::{Profile, StoreError};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

#[test]
fn of_two_inits_at_once_one_makes_the_profile() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path().join("new");
    let init = |number: u8| {
        let passphrase = format!("passphrase {number}");
        let mut rng = ChaCha20Rng::from_seed([number; 32]);
        (Profile::create(&folder, passphrase.as_bytes(), &mut rng).map(|_| ()), passphrase)
    };
    let made = std::thread::scope(|scope| {
        let running: Vec<_> = (1..=4).map(|number| scope.spawn(move || init(number))).collect();
        running.into_iter().map(|init| init.join().expect("no init panics")).collect::<Vec<_>>()
    });
    let (winners, losers): (Vec<_>, Vec<_>) = made.into_iter().partition(|(made, _)| made.is_ok());
    assert_eq!(winners.len(), 1);
    assert!(losers.iter().all(|(made, _)| matches!(made, Err(StoreError::Exists(_)))), "{losers:?}");
    for (_, passphrase) in winners {
        assert!(Profile::open(&folder, passphrase.as_bytes()).is_ok(), "the winner's passphrase opens it");
    }
    for (_, passphrase) in losers {
        assert!(matches!(Profile::open(&folder, passphrase.as_bytes()), Err(StoreError::Passphrase)));
    }
}
