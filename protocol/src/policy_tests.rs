use super::*;

/// The public half of RFC 8037, appendix A.2, and of RFC 7515, appendix A.3.
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"ec","alg":"ES256","use":"sig","iss":"owner",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn key(text: &str) -> Result<ViewerKey, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn countries(codes: &[&str]) -> Vec<Country> {
    codes.iter().map(|code| code.parse().unwrap()).collect()
}

#[test]
fn keys_come_back_as_they_went() {
    for text in [ED25519, P256] {
        let key = key(text).unwrap();
        let again = serde_json::to_string(&key).unwrap();
        assert_eq!(self::key(&again).unwrap(), key);
    }
    assert_eq!(key(P256).unwrap().issuer.as_deref(), Some("owner"));
    assert_eq!(key(ED25519).unwrap().point.algorithm(), "EdDSA");
}

#[test]
fn other_keys_are_refused_with_the_reason() {
    for (from, to, why) in [
        (r#""kid":"ec""#, r#""kid":"ec","d":"AA""#, "private key"),
        (r#""kid":"ec""#, r#""kid":"ec","d":null"#, ""),
        (r#""kid":"ec","#, "", "kid"),
        ("P-256", "P-384", "crv P-256"),
        ("ES256", "HS256", "alg"),
        (r#""use":"sig""#, r#""use":"enc""#, "use"),
        ("f83O", "f83", "32 bytes"),
        ("f83O", "f8=O", "32 bytes"),
        (r#""EC""#, r#""oct""#, "kty EC"),
    ] {
        let outcome = key(&P256.replace(from, to));
        match why {
            "" => drop(outcome.unwrap()),
            _ => assert!(outcome.unwrap_err().contains(why), "{to}"),
        }
    }
}

#[test]
fn policies_are_checked() {
    let ed = key(ED25519).unwrap();
    let twice = Policy {
        viewer_keys: vec![ed.clone(), ed.clone()],
        ..Policy::default()
    };
    assert_eq!(twice.check(), Err(PolicyError::KeyTwice("ed".into())));
    let many = Policy {
        viewer_keys: vec![ed; VIEWER_KEYS_MAX + 1],
        ..Policy::default()
    };
    assert_eq!(many.check(), Err(PolicyError::ManyKeys));
    let both = Policy {
        allow_countries: countries(&["DE"]),
        deny_countries: countries(&["FR"]),
        ..Policy::default()
    };
    assert_eq!(both.check(), Err(PolicyError::BothLists));
    let again = Policy {
        deny_countries: countries(&["FR", "fr"]),
        ..Policy::default()
    };
    assert_eq!(again.check(), Err(PolicyError::CountryTwice));
    for requires in [
        vec![""],
        vec!["a", "a"],
        vec!["a\n"],
        vec!["x"; REQUIRES_MAX + 1],
    ] {
        let policy = Policy {
            requires: requires.into_iter().map(String::from).collect(),
            ..Policy::default()
        };
        assert_eq!(policy.check(), Err(PolicyError::Requires));
    }
    assert_eq!(Policy::default().check(), Ok(()));
}

#[test]
fn countries_are_allowed_or_denied() {
    let open = Policy::default();
    let allow = Policy {
        allow_countries: countries(&["DE", "fr"]),
        ..Policy::default()
    };
    let deny = Policy {
        deny_countries: countries(&["AU"]),
        ..Policy::default()
    };
    for (policy, country, allowed) in [
        (&open, None, true),
        (&open, Some(*b"AU"), true),
        (&allow, Some(*b"FR"), true),
        (&allow, Some(*b"AU"), false),
        (&allow, None, false),
        (&deny, Some(*b"AU"), false),
        (&deny, Some(*b"DE"), true),
        (&deny, None, true),
    ] {
        assert_eq!(
            policy.check_country(country).is_ok(),
            allowed,
            "{policy:?} {country:?}"
        );
    }
    for wrong in ["UK", "D", "DEU", "", "É"] {
        assert!(wrong.parse::<Country>().is_err(), "{wrong}");
    }
}

#[test]
fn what_is_open_says_nothing() {
    assert_eq!(serde_json::to_string(&Policy::default()).unwrap(), "{}");
    assert_eq!(
        serde_json::from_str::<Policy>("{}").unwrap(),
        Policy::default()
    );
    assert!(serde_json::from_str::<Policy>(r#"{"allow":["DE"]}"#).is_err());
}
