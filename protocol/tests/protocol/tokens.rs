//! Tokens against published vectors, our own, and bytes that are none.

use himaya_protocol::wire::relay::{Access, Descriptor};
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::token::{
    BatchRequest, BatchResponse, Draw, IssueRequest, Issuer, TOKEN_BATCH, Token, TokenChallenge, TokenError, TokenKey,
    TokenPublicKey,
};
use voprf::{BlindedElement, EvaluationElement, Group, Proof, Ristretto255, VoprfClient, VoprfServer};

use crate::vector_file::{VectorFile, assert_not_malleable, unhex};

/// A source that gives prepared bytes, the later ones zero.
fn prepared(bytes: Vec<u8>) -> impl FnMut(&mut [u8]) {
    let mut bytes = bytes.into_iter();
    move |to| to.iter_mut().for_each(|to| *to = bytes.next().unwrap_or(0))
}

/// A scalar as the 64 bytes that are reduced to it.
fn wide(scalar: &[u8]) -> Vec<u8> {
    [scalar, &[0; 32]].concat()
}

/// RFC 9497 appendix A.1.2, through the crate as it is used here.
#[test]
fn voprf_ristretto255_sha512_of_rfc_9497() {
    let file = VectorFile::read("rfc9497-voprf.txt");
    let server = VoprfServer::<Ristretto255>::new_from_seed(file.bytes("seed"), file.bytes("key_info")).expect("a key");
    let public = server.get_public_key();
    assert_eq!(Ristretto255::serialize_elem(public)[..], *file.bytes("public_key"));
    let same = VoprfServer::<Ristretto255>::new_with_key(file.bytes("private_key")).expect("a key");
    assert_eq!(same.get_public_key(), public);
    for test in ["1", "2", "3"] {
        let item = |name: &str| file.bytes(&format!("test_{test}_{name}"));
        let inputs: Vec<&[u8]> = match test {
            "1" => vec![&[0]],
            "2" => vec![&[0x5A; 17]],
            _ => vec![&[0], &[0x5A; 17]],
        };
        let blinds = item("blinds").chunks(32);
        let clients: Vec<_> = inputs
            .iter()
            .zip(blinds)
            .map(|(input, blind)| {
                let mut rng = rng(wide(blind));
                VoprfClient::<Ristretto255>::blind(input, &mut rng).expect("a short input").state
            })
            .collect();
        let blinded: Vec<u8> = clients.iter().flat_map(|client| client.serialize()[32..].to_vec()).collect();
        assert_eq!(blinded, item("blinded"), "{test}");
        let elements: Vec<_> =
            blinded.chunks(32).map(|b| BlindedElement::deserialize(b).expect("an element")).collect();
        let prepared: Vec<_> = server.batch_blind_evaluate_prepare(elements.iter()).collect();
        let mut random = rng(wide(item("proof_random")));
        let result = server.batch_blind_evaluate_finish(&mut random, elements.iter(), &prepared).expect("a batch");
        let messages: Vec<EvaluationElement<Ristretto255>> = result.messages.collect();
        let evaluated: Vec<u8> = messages.iter().flat_map(|message| message.serialize().to_vec()).collect();
        assert_eq!(evaluated, item("evaluated"), "{test}");
        assert_eq!(result.proof.serialize()[..], *item("proof"), "{test}");
        let proof = Proof::deserialize(item("proof")).expect("a proof");
        let outputs = VoprfClient::batch_finalize(&inputs, &clients, &messages, &proof, public).expect("it verifies");
        let outputs: Vec<u8> = outputs.flat_map(|output| output.expect("a short input").to_vec()).collect();
        assert_eq!(outputs, item("outputs"), "{test}");
    }
}

/// A generator over prepared bytes, for the crate alone.
struct Prepared(std::vec::IntoIter<u8>);

fn rng(bytes: Vec<u8>) -> Prepared {
    Prepared(bytes.into_iter())
}

impl rand_core::RngCore for Prepared {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        to.iter_mut().for_each(|to| *to = self.0.next().expect("no more is drawn than the vector has"));
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(to);
        Ok(())
    }
}

impl rand_core::CryptoRng for Prepared {}

/// The challenges of the draft's vectors, in order.
fn challenges(file: &VectorFile) -> [TokenChallenge; 5] {
    let context = file.bytes("test_1_challenge").get(19..51).expect("a context of 32 bytes").to_vec();
    let other = file.bytes("test_5_challenge").get(19..51).expect("a context of 32 bytes").to_vec();
    let (issuer, origin, two) = (b"issuer.example", b"origin.example", b"foo.example,bar.example");
    [
        TokenChallenge::new(issuer, &context, origin).expect("a challenge"),
        TokenChallenge::new(issuer, &[], origin).expect("a challenge"),
        TokenChallenge::new(issuer, &[], two).expect("a challenge"),
        TokenChallenge::new(issuer, &[], &[]).expect("a challenge"),
        TokenChallenge::new(issuer, &other, &[]).expect("a challenge"),
    ]
}

/// draft-ietf-privacypass-batched-tokens, test vectors of token type 0x0005: framing and cryptography together.
#[test]
fn batched_tokens_of_the_draft() {
    let file = VectorFile::read("batched-tokens.txt");
    for (number, challenge) in (1..).zip(challenges(&file)) {
        let item = |name: &str| file.bytes(&format!("test_{number}_{name}"));
        assert_eq!(challenge.as_bytes(), item("challenge"), "{number}");
        let issuer = Issuer::from_scalar(&Secret::from_slice(item("private_key")).expect("32 bytes")).expect("a key");
        assert_eq!(issuer.public_key().0[..], *item("public_key"), "{number}");
        let given = item("nonces").chunks(32).zip(item("blinds").chunks(32));
        let given: Vec<u8> = given.flat_map(|(nonce, blind)| [nonce, &wide(blind)].concat()).collect();
        let draw = Draw::blind(&challenge, *issuer.public_key(), 3, prepared(given)).expect("a draw");
        assert_eq!(draw.request().to_bytes(), item("request"), "{number}");

        let theirs = BatchResponse::from_bytes(item("response")).expect("a response");
        let ours = issuer.issue(&draw.request(), [7; 64]).expect("a response");
        assert_eq!(ours.elements, theirs.elements, "{number}");
        let tokens = draw.finish(&theirs).expect("their proof verifies");
        assert_eq!(draw.finish(&ours), Ok(tokens.clone()), "{number}: ours does too");
        let bytes: Vec<u8> = tokens.iter().flat_map(Token::to_bytes).collect();
        assert_eq!(bytes, item("tokens"), "{number}");
        for token in tokens {
            assert!(issuer.redeems(&token) && token.answers(&challenge), "{number}");
            assert!(!token.answers(&TokenChallenge::of_relays()), "{number}");
        }
    }
}

/// RFC 9577 appendix A, the first test vector, but for its token type: ours is 5.
#[test]
fn a_challenge_of_rfc_9577() {
    let context = unhex("476ac2c935f458e9b2d7af32dacfbd22dd6023ef5887a789f1abe004e79bb5bb");
    let challenge = TokenChallenge::new(b"issuer.example", &context, b"origin.example").expect("a challenge");
    let published = unhex(concat!(
        "0002000e6973737565722e6578616d706c6520476ac2c935f458e9b2d7af32dacfbd22dd6023ef5887a789f1abe004e79bb5bb",
        "000e6f726967696e2e6578616d706c65",
    ));
    assert_eq!(challenge.as_bytes()[..2], [0, 5]);
    assert_eq!(challenge.as_bytes()[2..], published[2..]);
    for (issuer, context) in [(&b""[..], 0), (b"issuer.example", 1), (b"issuer.example", 31), (b"issuer.example", 33)] {
        assert_eq!(TokenChallenge::new(issuer, &vec![1; context], b""), None);
    }
}

fn issuer() -> Issuer {
    Issuer::from_seed(&Secret::new([9; 32])).expect("a key")
}

/// Bytes that never repeat.
fn counter() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u64;
    move |to| {
        for piece in to.chunks_mut(8) {
            next = next.wrapping_add(0x0123_4567_89AB_CDEF);
            let bytes = next.to_be_bytes();
            piece.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
    }
}

#[test]
fn a_draw_survives_a_restart_and_a_lost_answer() {
    let issuer = issuer();
    let draw = Draw::new(*issuer.public_key(), counter()).expect("a draw");
    let again = Draw::from_bytes(&draw.to_bytes()).expect("a stored draw");
    assert_eq!(again.request(), draw.request());
    assert_eq!(again.key(), issuer.public_key());
    let first = issuer.issue(&draw.request(), [1; 64]).expect("a response");
    let second = issuer.issue(&again.request(), [2; 64]).expect("a response");
    assert_ne!(first.proof, second.proof);
    let tokens = draw.finish(&first).expect("tokens");
    assert_eq!(again.finish(&second).as_ref(), Ok(&tokens), "the same request gives the same tokens");
    assert_eq!(tokens.len(), TOKEN_BATCH);
    assert!(tokens.iter().all(|token| issuer.redeems(token) && token.answers(&TokenChallenge::of_relays())));
    let mut nullifiers: Vec<_> = tokens.iter().map(|token| token.nullifier()).collect();
    nullifiers.sort_unstable();
    nullifiers.dedup();
    assert_eq!(nullifiers.len(), TOKEN_BATCH);
}

/// A relay that gave one person a key of its own would know its tokens again. The proof shows it.
#[test]
fn another_key_than_the_announced_one_is_noticed() {
    let other = Issuer::from_seed(&Secret::new([10; 32])).expect("a key");
    let draw = Draw::new(*issuer().public_key(), counter()).expect("a draw");
    let marked = other.issue(&draw.request(), [1; 64]).expect("a response");
    assert_eq!(draw.finish(&marked), Err(TokenError::Proof));
    let mut mixed = issuer().issue(&draw.request(), [1; 64]).expect("a response");
    mixed.elements[5] = marked.elements[5];
    assert_eq!(draw.finish(&mixed), Err(TokenError::Proof), "one among 128 is enough");
    mixed.elements.pop();
    assert!(draw.finish(&mixed).is_err());
    assert!(Draw::new(TokenPublicKey([0xFF; 32]), counter()).expect("any key is blinded for").finish(&marked).is_err());
}

/// What the relay sees at issuance and what it sees at redemption have no value in common, in any place.
#[test]
fn a_draw_and_what_it_pays_for_share_no_value() {
    let issuer = issuer();
    let draw = Draw::new(*issuer.public_key(), counter()).expect("a draw");
    let body = IssueRequest { invite: Secret::new([3; 32]), batch: draw.request() }.to_bytes();
    assert_eq!(body.len(), IssueRequest::SIZE);
    let answer = issuer.issue(&draw.request(), [1; 64]).expect("a response");
    let answered = answer.to_bytes();
    let tokens = draw.finish(&answer).expect("tokens");
    let issued: std::collections::BTreeSet<&[u8]> = body.windows(8).chain(answered.windows(8)).collect();
    for token in &tokens {
        let bytes = token.to_bytes();
        // Nonce and authenticator are the token's own; challenge and key id are the same for everybody.
        let own = bytes[2..34].windows(8).chain(bytes[98..].windows(8));
        assert!(own.into_iter().all(|value| !issued.contains(value)));
        assert_eq!(bytes[34..66], TokenChallenge::of_relays().digest());
        assert_eq!(bytes[66..98], issuer.public_key().id());
    }
}

#[test]
fn headers() {
    let file = VectorFile::read("tokens.txt");
    let token = Token::from_bytes(file.bytes("token")).expect("a token");
    assert_eq!(token.to_authorization(), file.text("authorization"));
    let value = file.text("authorization");
    let bare = value.replace('"', "");
    for form in [value, &bare, &format!(" {value} "), &value.replace("PrivateToken", "privatetoken")] {
        assert_eq!(Token::from_authorization(form), Ok(token.clone()), "{form}");
    }
    for form in [
        "",
        "PrivateToken",
        "PrivateToken token",
        "PrivateToken token=",
        "Basic dXNlcjpwYXNz",
        &value.replace("token=", "key="),
        &value.replace("PrivateToken ", "PrivateToken"),
        value.trim_end_matches('"'),
        &value.replace("A", "ı"),
        &format!("{value}, token=\"\""),
        &bare[..bare.len() - 4],
    ] {
        assert!(Token::from_authorization(form).is_err(), "{form}");
    }
    let challenge = TokenChallenge::of_relays();
    assert_eq!(challenge.as_bytes(), file.bytes("challenge"));
    assert_eq!(challenge.digest(), file.array("challenge_digest"));
    let key = TokenPublicKey(file.array("key"));
    assert_eq!(key.id(), file.array("key_id"));
    assert_eq!(challenge.to_www_authenticate(&key), file.text("www_authenticate"));
}

#[test]
fn frames() {
    let file = VectorFile::read("tokens.txt");
    let token = file.bytes("token");
    assert_eq!(Token::from_bytes(token).expect("a token").nullifier(), file.array("nullifier"));
    assert_not_malleable("token", token, |bytes| Some(Token::from_bytes(bytes).ok()?.to_bytes().to_vec()));
    for item in ["request", "request_of_one"] {
        assert_not_malleable(item, file.bytes(item), |bytes| Some(BatchRequest::from_bytes(bytes).ok()?.to_bytes()));
    }
    let response = file.bytes("response");
    assert_not_malleable("response", response, |bytes| Some(BatchResponse::from_bytes(bytes).ok()?.to_bytes()));
    let issue = file.bytes("issue_request");
    assert_eq!(issue.len(), IssueRequest::SIZE);
    let read = IssueRequest::from_bytes(issue).expect("a body");
    assert_eq!(read.to_bytes(), issue);
    assert_eq!(read.batch.truncated_key_id, TokenPublicKey(file.array("key")).truncated_id());
    let refused = file.names().filter(|name| name.starts_with("refused_"));
    for item in refused.filter(|name| !name.starts_with("refused_descriptor")) {
        assert!(BatchRequest::from_bytes(file.bytes(item)).is_err(), "{item}");
    }
    assert!(IssueRequest::from_bytes(&[&[3; 32], file.bytes("request")].concat()).is_err(), "a batch of another size");
}

#[test]
fn token_keys_of_a_descriptor() {
    let file = VectorFile::read("tokens.txt");
    let key = |first, key| TokenKey { first, last_issued: first + 6, last_accepted: first + 13, key };
    let now = key(20_497, TokenPublicKey(file.array("key")));
    let before = key(20_490, TokenPublicKey(std::array::from_fn(|i| 0x12 + u8::try_from(i).expect("below 32"))));
    let descriptor = Descriptor {
        access: Access::Token,
        retention: 14,
        window_seconds: 86_400,
        current_window: 20_500,
        oldest_window: 20_487,
        token_keys: vec![before, now],
        gateway_keys: Vec::new(),
        sunset: None,
    };
    let bytes = file.bytes("descriptor");
    assert_eq!(descriptor.to_bytes(), bytes);
    assert!(bytes.ends_with(file.bytes("key_section")));
    assert_eq!(Descriptor::from_bytes(bytes).as_ref(), Ok(&descriptor));
    assert_eq!(Descriptor::from_bytes(file.bytes("descriptor_with_another_type")).as_ref(), Ok(&descriptor));
    assert_eq!(descriptor.issuing_key(), Some(&now));
    assert_eq!(Descriptor { current_window: 20_504, ..descriptor.clone() }.issuing_key(), None);
    for item in ["refused_descriptor_out_of_turn", "refused_descriptor_short_key"] {
        assert!(Descriptor::from_bytes(file.bytes(item)).is_err(), "{item}");
    }
    assert_not_malleable("descriptor", bytes, |bytes| Descriptor::from_bytes(bytes).ok().map(|it| it.to_bytes()));
    let windows = |window| (now.issues_in(window), now.accepted_in(window));
    let expected = [(20_496, (false, false)), (20_497, (true, true)), (20_503, (true, true)), (20_504, (false, true))];
    assert!(expected.into_iter().all(|(window, holds)| windows(window) == holds));
    assert_eq!((windows(20_510), windows(20_511)), ((false, true), (false, false)));
}

#[test]
fn what_is_no_element_is_refused() {
    let issuer = issuer();
    for bad in [[0xFF; 32], [0; 32]] {
        let request = BatchRequest { truncated_key_id: issuer.public_key().truncated_id(), elements: vec![bad] };
        assert_eq!(issuer.issue(&request, [1; 64]), Err(TokenError::Group), "not on the group, or its identity");
    }
    let draw = Draw::new(*issuer.public_key(), counter()).expect("a draw");
    let stored = draw.to_bytes();
    assert!(Draw::from_bytes(&stored[..stored.len() - 1]).is_err());
    assert!(Draw::from_bytes(&stored[..64]).is_err());
    let token = draw.finish(&issuer.issue(&draw.request(), [1; 64]).expect("a response")).expect("tokens").remove(0);
    for bit in 0..162 * 8 {
        let mut bytes = token.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Token::from_bytes(&bytes).map_or(true, |token| !issuer.redeems(&token)), "bit {bit}");
    }
}
