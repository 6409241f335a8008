use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;
const HERE: &str = "192.0.2.7";

fn key(kind: OwnerKeyKind) -> OwnerKey {
    OwnerKey::generate(kind, Some("k".into()), None).unwrap()
}

fn keys() -> [OwnerKey; 2] {
    [key(OwnerKeyKind::Ed25519), key(OwnerKeyKind::P256)]
}

fn claims() -> Claims {
    Claims {
        expires_at: NOW + 60,
        container: whole_collection("film"),
        ..Claims::default()
    }
}

fn verify(token: &str, keys: &[&OwnerKey]) -> Result<VerifiedToken, TokenRefused> {
    let keys: Vec<_> = keys.iter().map(|key| key.public().clone()).collect();
    let token = token.parse().expect("three parts");
    UnverifiedToken::read(token)?.verify(&keys, NOW, Some(HERE.parse().unwrap()))
}

fn part(value: &Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token of any header and claims, signed by a secret of HMAC or by nobody.
fn forged(header: &Value, claims: &Value, secret: Option<&[u8]>) -> String {
    use base64::Engine;
    let message = format!("{}.{}", part(header), part(claims));
    let signature = secret.map_or(vec![0; 64], |secret| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
    });
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature);
    format!("{message}.{signature}")
}

/// Signed rightly, whatever it says.
fn signed(key: &OwnerKey, claims: &Value) -> String {
    crypto::install();
    let good = key.sign(&self::claims()).unwrap();
    let header = good.as_str().split('.').next().unwrap().to_owned();
    let message = format!("{header}.{}", part(claims));
    let signature = crypto::sign_for_tests(key, &message);
    format!("{message}.{signature}")
}

fn plain() -> Value {
    json!({ "exp": NOW + 60, "cdniuc": "regex:/film/.*" })
}

#[test]
fn what_an_owner_signs_is_taken() {
    for key in keys() {
        let said = Claims {
            not_before: Some(NOW),
            issued_at: Some(NOW),
            network: Some("192.0.2.0/24".into()),
            bytes: Some(1000),
            sessions: Some(2),
            id: Some("x".into()),
            ..claims()
        };
        let token = key.sign(&said).unwrap();
        let verified = verify(token.as_str(), &[&key]).unwrap();
        assert_eq!(verified.claims(), &said);
        assert_eq!(verified.hash(), token.hash());
        let again = OwnerKey::from_json(&key.to_json()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(&key.to_json()[..40]));
    }
}

#[test]
fn what_nobody_signed_is_refused() {
    for key in keys() {
        let public = serde_json::to_string(key.public()).unwrap();
        let jwt = |alg: &str| json!({ "typ": "JWT", "alg": alg, "kid": "k" });
        for (header, secret) in [
            (jwt("none"), None),
            (jwt("None"), None),
            (jwt("HS256"), Some(public.as_bytes())),
            (jwt("RS256"), None),
            (jwt("ES384"), None),
            (json!({ "kid": "k" }), None),
            (json!({ "typ": "JOSE", "alg": "ES256", "kid": "k" }), None),
        ] {
            let token = forged(&header, &plain(), secret);
            assert_eq!(
                verify(&token, &[&key]).unwrap_err(),
                TokenRefused::Header,
                "{header}"
            );
        }
        for alg in ["ES256", "EdDSA"] {
            let token = forged(&jwt(alg), &plain(), None);
            assert_eq!(
                verify(&token, &[&key]).unwrap_err(),
                TokenRefused::Signature
            );
        }
        let critical = json!({ "alg": "ES256", "kid": "k", "crit": ["exp"] });
        let token = forged(&critical, &plain(), None);
        assert_eq!(verify(&token, &[&key]).unwrap_err(), TokenRefused::Critical);
    }
    // The header's algorithm is another key's: the named key's counts.
    let [ed, ec] = keys();
    let token = ed.sign(&claims()).unwrap();
    assert_eq!(
        verify(token.as_str(), &[&ec]).unwrap_err(),
        TokenRefused::Signature
    );
    // Another key of that name; a key of another name; no name.
    let other = key(OwnerKeyKind::Ed25519);
    assert_eq!(
        verify(token.as_str(), &[&other]).unwrap_err(),
        TokenRefused::Signature
    );
    let named = OwnerKey::generate(OwnerKeyKind::Ed25519, None, None).unwrap();
    assert_eq!(
        verify(token.as_str(), &[&named]).unwrap_err(),
        TokenRefused::Key
    );
    assert_eq!(verify(token.as_str(), &[]).unwrap_err(), TokenRefused::Key);
    let unnamed = forged(&json!({ "alg": "EdDSA" }), &plain(), None);
    assert_eq!(
        verify(&unnamed, &[&ed, &named]).unwrap_err(),
        TokenRefused::NoKid
    );
    assert_eq!(
        verify(&unnamed, &[&ed]).unwrap_err(),
        TokenRefused::Signature
    );
}

#[test]
fn one_changed_byte_is_noticed() {
    for key in keys() {
        let token = key.sign(&claims()).unwrap();
        for at in 0..token.as_str().len() {
            let mut bytes = token.as_str().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed.parse::<ViewerToken>().is_ok() {
                assert!(verify(&changed, &[&key]).is_err(), "{at}");
            }
        }
    }
}

#[test]
fn claims_are_kept_to() {
    let [key, _] = keys();
    let with = |change: Value| {
        let mut claims = plain();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        verify(&signed(&key, &claims), &[&key]).map(drop)
    };
    assert_eq!(with(json!({})), Ok(()));
    assert_eq!(with(json!({ "unknown": 1, "iat": 5 })), Ok(()));
    assert_eq!(with(json!({ "cdniv": 1, "cdnistt": 0 })), Ok(()));
    assert_eq!(
        with(json!({ "cdnicrit": "exp,cdniuc, quittance_bytes" })),
        Ok(())
    );
    assert_eq!(with(json!({ "cdniip": "192.0.2.7" })), Ok(()));
    assert_eq!(with(json!({ "exp": NOW })), Err(TokenRefused::Expired));
    assert_eq!(with(json!({ "exp": u64::MAX })), Err(TokenRefused::TooLong));
    assert_eq!(with(json!({ "exp": null })), Err(TokenRefused::NoExpiry));
    assert_eq!(with(json!({ "exp": "soon" })), Err(TokenRefused::Claims));
    assert_eq!(with(json!({ "nbf": NOW + 1 })), Err(TokenRefused::NotYet));
    assert_eq!(with(json!({ "iss": "x" })), Err(TokenRefused::Issuer));
    assert_eq!(
        with(json!({ "cdniip": "198.51.100.0/24" })),
        Err(TokenRefused::Network)
    );
    assert_eq!(
        with(json!({ "quittance_bytes": -1 })),
        Err(TokenRefused::Claims)
    );
    assert_eq!(
        with(json!({ "quittance_id": "x".repeat(129) })),
        Err(TokenRefused::Claims)
    );
    assert_eq!(
        with(json!({ "cdniuc": null })),
        Err(TokenRefused::Container)
    );
    for wrong in [
        "/film/",
        "regex:(",
        "regex:a)|(b",
        "hash:md5;AA",
        "hash:sha-256;AA",
        "",
    ] {
        assert_eq!(
            with(json!({ "cdniuc": wrong })),
            Err(TokenRefused::Container),
            "{wrong}"
        );
    }
    let long = format!("regex:{}", "a".repeat(2000));
    assert_eq!(
        with(json!({ "cdniuc": long })),
        Err(TokenRefused::Container)
    );
    for (claim, value) in [
        ("sub", json!("x")),
        ("aud", json!(["x"])),
        ("jti", json!("x")),
        ("cdniets", json!(30)),
        ("cdnistt", json!(1)),
        ("cdnistd", json!(1)),
        ("cdniv", json!(2)),
        ("cdnicrit", json!("exp,other")),
        ("cdniip", json!("a.b.c.d.e")),
    ] {
        let refused = with(json!({ claim: value })).unwrap_err();
        assert!(
            matches!(refused, TokenRefused::Unsupported(_)),
            "{claim}: {refused}"
        );
    }
}

#[test]
fn issuers_are_their_keys() {
    let key = OwnerKey::generate(OwnerKeyKind::P256, None, Some("owner".into())).unwrap();
    let token = key.sign(&claims()).unwrap();
    let verified = verify(token.as_str(), &[&key]).unwrap();
    assert_eq!(verified.claims().issuer.as_deref(), Some("owner"));
    assert_eq!(
        verify(&signed(&key, &plain()), &[&key]).unwrap_err(),
        TokenRefused::Issuer
    );
}

#[test]
fn tokens_are_for_whole_collections() {
    let [key, _] = keys();
    let paths = ["a.m3u8", "hls/1.ts", "hls/2.ts"];
    let covers = |container: &str| {
        let said = Claims {
            container: container.into(),
            ..claims()
        };
        let token = key.sign(&said).unwrap();
        let verified = verify(token.as_str(), &[&key]).unwrap();
        verified.check_paths(&["film", "0xab"], paths)
    };
    let other = |path: &str| Err(TokenRefused::Path(path.into()));
    assert_eq!(covers(&whole_collection("film")), Ok(()));
    assert_eq!(covers("regex:/0xab/.*"), Ok(()));
    assert_eq!(covers("regex:/film/(a\\.m3u8|hls/[0-9]\\.ts)"), Ok(()));
    assert_eq!(covers("regex:/film/hls/.*"), other("a.m3u8"));
    assert_eq!(
        covers("regex:/film/a.m3u8|/film/hls/1.ts"),
        other("hls/2.ts")
    );
    assert_eq!(
        covers("regex:film"),
        other("a.m3u8"),
        "all of a URI must fit"
    );
    assert_eq!(covers("regex:/other/.*"), other("a.m3u8"));
    assert_eq!(covers("regex:/film/"), other("a.m3u8"));
    let hash = |uri: &str| {
        use base64::Engine;
        let hash = ring::digest::digest(&ring::digest::SHA256, uri.as_bytes());
        let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        format!("hash:sha-256;{hash}")
    };
    assert_eq!(covers(&hash("/film/")), Ok(()));
    assert_eq!(covers(&hash("/film/a.m3u8")), other("hls/1.ts"));
    assert_eq!(whole_collection("a.b"), r"regex:/a\.b/.*");
}

#[test]
fn keys_that_are_none_are_refused() {
    let [key, _] = keys();
    let public = serde_json::to_string(key.public()).unwrap();
    let mut halves: Value = serde_json::from_str(&key.to_json()).unwrap();
    halves["d"] = "A".repeat(43).into();
    for text in ["", "{}", "null", &public, &halves.to_string()] {
        assert_eq!(
            OwnerKey::from_json(text).unwrap_err(),
            MakeError::Key,
            "{text}"
        );
    }
}

/// `tests/vectors/token.json`, which another program wrote.
#[test]
fn the_vectors_tokens_are_taken_and_refused_as_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/token.json");
    let read = std::fs::read_to_string(path).unwrap();
    let vectors: Value = serde_json::from_str(&read).unwrap();
    let list = |name: &str| vectors[name].as_array().unwrap().iter();
    let strings =
        |name: &str| -> Vec<&str> { list(name).map(|one| one.as_str().unwrap()).collect() };
    let keys: Vec<ViewerKey> = list("keys")
        .map(|key| {
            let mut private = key["public"].clone();
            private["d"] = key["d"].clone();
            let key = serde_json::from_value(key["public"].clone()).unwrap();
            assert_eq!(
                OwnerKey::from_json(&private.to_string()).unwrap().public(),
                &key
            );
            key
        })
        .collect();
    let (now, from) = (
        vectors["now"].as_u64().unwrap(),
        vectors["from"].as_str().unwrap(),
    );
    let (names, paths) = (strings("names"), strings("paths"));
    let judged = |one: &Value| -> Result<VerifiedToken, TokenRefused> {
        let token: ViewerToken = one["token"].as_str().unwrap().parse().unwrap();
        assert_eq!(token.hash().to_string(), one["hash"].as_str().unwrap());
        let read = UnverifiedToken::read(token)?;
        let verified = read.verify(&keys, now, Some(from.parse().unwrap()))?;
        verified.check_paths(&names, paths.iter().copied())?;
        Ok(verified)
    };
    for one in list("accepted") {
        let verified = judged(one).unwrap_or_else(|error| panic!("{}: {error}", one["name"]));
        assert_eq!(
            serde_json::to_value(verified.claims()).unwrap(),
            one["claims"]
        );
        assert_eq!(verified.hash().to_string(), one["hash"].as_str().unwrap());
        let token = one["token"].as_str().unwrap().parse().unwrap();
        let read = UnverifiedToken::read(token).unwrap();
        assert_eq!(read.kid(), one["kid"].as_str());
    }
    for one in list("refused") {
        let refused = format!(
            "{:?}",
            judged(one).expect_err(one["name"].as_str().unwrap())
        );
        let reason = refused.split('(').next();
        assert_eq!(reason, one["reason"].as_str(), "{}", one["name"]);
    }
    // Another signature is no other token.
    let hash = |list: &str, at: usize| vectors[list][at]["hash"].clone();
    assert_eq!(hash("accepted", 1), hash("accepted", 2));
    let lax = list("refused").find(|one| one["hash"] == hash("accepted", 0));
    assert_eq!(lax.unwrap()["reason"], "Signature");
}

proptest! {
    #[test]
    fn garbage_is_refused(header: Vec<u8>, claims: Vec<u8>, signature: Vec<u8>) {
        use base64::Engine;
        let text = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let token = format!("{}.{}.{}", text(&header), text(&claims), text(&signature));
        if let Ok(token) = token.parse::<ViewerToken>() {
            prop_assert!(UnverifiedToken::read(token).is_err());
        }
    }

    #[test]
    fn any_claims_are_read_or_refused(exp: i64, container: String, network: String) {
        let [key, _] = keys();
        let claims = json!({ "exp": exp, "cdniuc": container, "cdniip": network });
        let _ = verify(&signed(&key, &claims), &[&key]);
    }
}
