//! `token.json`: viewers' tokens that count, and such as don't, with the reason. SPEC section 12.

use crate::values::{hex, seed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use protocol::{SigningKey, ViewerToken};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;
/// ES256 over the token of [`RFC7515`], by RFC 6979.
const ES256: &str = "0d1c8ebcdbaf89c8c5c688bfafd03499a2b23ecd004fc3158023802bc5f59a8414997902a0f0dcb149115c053de389d66ea26b1d8352b14cdb5fe3432f3236f6";
const RFC7515: &str = r#"{"typ":"JWT","alg":"ES256","kid":"rfc7515"}"#;
const PLAIN: &str = r#"{"exp":1700000600,"cdniuc":"regex:/film/.*"}"#;
/// Order of P-256's base point, big-endian.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// Order of Ed25519's, little-endian.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2);
    let read = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
    pairs.map(read).collect()
}

fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&seed(name))
}

fn token(header: &str, claims: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", text(header), text(claims), text(signature))
}

/// Signed by a key of Ed25519.
fn eddsa(by: &str, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", text(header), text(claims));
    let signature = key(by).sign(message.as_bytes());
    format!("{message}.{}", text(signature.to_bytes()))
}

fn ed_header(kid: &str) -> String {
    format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#)
}

/// The same token under the other signature of ECDSA: r, and order − s.
fn other_es256() -> String {
    let mut signature = bytes(ES256);
    let mut borrow = 0;
    for (at, order) in bytes(P256_ORDER).iter().enumerate().rev() {
        let difference = i16::from(*order) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + at] = difference.rem_euclid(256) as u8;
    }
    token(RFC7515, PLAIN, signature)
}

/// The same token under what a lax verifier of EdDSA takes, too: R, and S + order.
fn lax_eddsa(token: &str) -> String {
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let mut carry = 0;
    for (at, order) in bytes(ED25519_ORDER).iter().enumerate() {
        let sum = u16::from(*order) + u16::from(signature[32 + at]) + carry;
        carry = sum >> 8;
        signature[32 + at] = sum as u8;
    }
    format!("{message}.{}", text(signature))
}

fn accepted(name: &str, kid: &str, token: &str, claims: Value) -> Value {
    let parsed: ViewerToken = token.parse().expect("three parts");
    json!({
        "name": name,
        "token": token,
        "kid": kid,
        "hash": hex(parsed.hash()),
        "claims": claims,
    })
}

fn refused(name: &str, token: &str, reason: &str) -> Value {
    let parsed: ViewerToken = token.parse().expect("three parts");
    json!({ "name": name, "token": token, "hash": hex(parsed.hash()), "reason": reason })
}

fn ed_key(kid: &str, issuer: Option<&str>) -> Value {
    let key = key(kid);
    let mut public = json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "x": text(key.verifying_key().to_bytes()),
        "kid": kid,
    });
    if let Some(issuer) = issuer {
        public["iss"] = issuer.into();
    }
    json!({ "public": public, "d": text(seed(kid)) })
}

pub(crate) fn token_vectors() -> Value {
    let ed = ed_header("ed");
    let everything = r#"{"exp":1700000600,"nbf":1700000000,"iat":1700000000,"cdniv":1,"cdnicrit":"exp,cdniuc","cdniuc":"regex:/film/.*","cdniip":"192.0.2.0/24","cdnistt":0,"quittance_bytes":1000000000,"quittance_sessions":2,"quittance_id":"anna","colour":"blue"}"#;
    let all = eddsa("ed", &ed, everything);
    let plain = json!({ "exp": NOW + 600, "cdniuc": "regex:/film/.*" });
    let es256 = token(RFC7515, PLAIN, bytes(ES256));
    // Of "/film/".
    let hashed =
        r#"{"exp":1700000600,"cdniuc":"hash:sha-256;OzAQeK2EP6DF1xslqA-Q-BX5_j3nZs7LWRukyCV5w2M"}"#;
    let hash = json!({ "exp": NOW + 600, "cdniuc": "hash:sha-256;OzAQeK2EP6DF1xslqA-Q-BX5_j3nZs7LWRukyCV5w2M" });
    let issued = r#"{"iss":"studio","exp":1700000600,"cdniuc":"regex:/film/.*"}"#;
    let with = |claims: &str| eddsa("ed", &ed, claims);
    let (message, _) = es256.rsplit_once('.').expect("three parts");
    let borrowed = format!("{message}.{}", text([1; 64]));
    let of_all = all.rsplit_once('.').expect("three parts").1;
    let accepted = [
        accepted(
            "all that a token may say, EdDSA",
            "ed",
            &all,
            json!({
                "exp": NOW + 600, "nbf": NOW, "iat": NOW, "cdniuc": "regex:/film/.*",
                "cdniip": "192.0.2.0/24", "quittance_bytes": 1_000_000_000u64,
                "quittance_sessions": 2, "quittance_id": "anna",
            }),
        ),
        accepted("ES256", "rfc7515", &es256, plain.clone()),
        accepted(
            "ES256, the other signature that anybody can make: the same hash",
            "rfc7515",
            &other_es256(),
            plain,
        ),
        accepted("a hash for all files", "ed", &with(hashed), hash),
        accepted(
            "an issuer that is its key's",
            "issued",
            &eddsa("issued", &ed_header("issued"), issued),
            json!({ "iss": "studio", "exp": NOW + 600, "cdniuc": "regex:/film/.*" }),
        ),
    ];
    let refused = [
        refused(
            "alg none",
            &token(r#"{"typ":"JWT","alg":"none","kid":"ed"}"#, PLAIN, [0]),
            "Header",
        ),
        refused(
            "alg HS256",
            &token(r#"{"typ":"JWT","alg":"HS256","kid":"ed"}"#, PLAIN, [0; 32]),
            "Header",
        ),
        refused(
            "another algorithm than the key's",
            &eddsa("ed", r#"{"typ":"JWT","alg":"ES256","kid":"ed"}"#, PLAIN),
            "Signature",
        ),
        refused(
            "a critical header",
            &eddsa(
                "ed",
                r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#,
                PLAIN,
            ),
            "Critical",
        ),
        refused(
            "no key of that name",
            &eddsa("ed", &ed_header("other"), PLAIN),
            "Key",
        ),
        refused(
            "no name, and several keys",
            &eddsa("ed", r#"{"typ":"JWT","alg":"EdDSA"}"#, PLAIN),
            "NoKid",
        ),
        refused(
            "signed by another key",
            &eddsa("issued", &ed, PLAIN),
            "Signature",
        ),
        refused("another signature", &borrowed, "Signature"),
        refused(
            "the signature of another token",
            &format!("{}.{}.{of_all}", text(&ed), text(PLAIN)),
            "Signature",
        ),
        refused(
            "EdDSA, S plus the order: the same hash as the first that counts",
            &lax_eddsa(&all),
            "Signature",
        ),
        refused(
            "no end",
            &with(r#"{"cdniuc":"regex:/film/.*"}"#),
            "NoExpiry",
        ),
        refused(
            "over: its end is now",
            &with(r#"{"exp":1700000000,"cdniuc":"regex:/film/.*"}"#),
            "Expired",
        ),
        refused(
            "a second longer than 366 days",
            &with(r#"{"exp":1731622401,"cdniuc":"regex:/film/.*"}"#),
            "TooLong",
        ),
        refused(
            "not yet",
            &with(r#"{"exp":1700000600,"nbf":1700000001,"cdniuc":"regex:/film/.*"}"#),
            "NotYet",
        ),
        refused("an issuer, and its key has none", &with(issued), "Issuer"),
        refused(
            "no issuer, and its key has one",
            &eddsa("issued", &ed_header("issued"), PLAIN),
            "Issuer",
        ),
        refused(
            "an audience",
            &with(r#"{"exp":1700000600,"aud":"cdn","cdniuc":"regex:/film/.*"}"#),
            "Unsupported",
        ),
        refused(
            "a critical claim that isn't known",
            &with(r#"{"exp":1700000600,"cdnicrit":"colour","cdniuc":"regex:/film/.*"}"#),
            "Unsupported",
        ),
        refused("no container", &with(r#"{"exp":1700000600}"#), "Container"),
        refused(
            "a container of another kind",
            &with(r#"{"exp":1700000600,"cdniuc":"glob:/film/*"}"#),
            "Container",
        ),
        refused(
            "another network",
            &with(r#"{"exp":1700000600,"cdniip":"198.51.100.0/24","cdniuc":"regex:/film/.*"}"#),
            "Network",
        ),
        refused(
            "another collection",
            &with(r#"{"exp":1700000600,"cdniuc":"regex:/show/.*"}"#),
            "Path",
        ),
        refused(
            "one file of two",
            &with(r#"{"exp":1700000600,"cdniuc":"regex:/film/a\\.m3u8"}"#),
            "Path",
        ),
    ];
    json!({
        "keys": [
            ed_key("ed", None),
            ed_key("issued", Some("studio")),
            // That of RFC 7515, A.3.
            {
                "public": {
                    "kty": "EC",
                    "crv": "P-256",
                    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                    "kid": "rfc7515",
                },
                "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
            },
        ],
        "now": NOW,
        "from": "192.0.2.7",
        "names": ["film", hex([0xab; 32])],
        "paths": ["a.m3u8", "hls/0.ts"],
        "accepted": accepted,
        "refused": refused,
    })
}
