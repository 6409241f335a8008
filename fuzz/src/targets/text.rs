//! Names as text, and viewers' tokens.

use crate::target::{Target, choice, texts};
use formats::viewer_tokens::{Claims, OwnerKey, UnverifiedToken};
use protocol::{
    ClientKey, CollectionId, ContentHash, Country, IssuerKey, NodeId, SealKeyId, TicketId,
    ViewerToken,
};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;

/// What is read is written so that it is read again as the same.
fn one<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert!(
            read.to_string()
                .parse::<T>()
                .is_ok_and(|again| again == read)
        );
    }
}

pub(super) const TEXT: Target = Target {
    name: "text",
    reads: &[
        "ClientKey",
        "CollectionId",
        "ContentHash",
        "IssuerKey",
        "NodeId",
        "SealKeyId",
        "TicketId",
        "Country",
    ],
    run: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        one::<ClientKey>(text);
        one::<CollectionId>(text);
        one::<ContentHash>(text);
        one::<IssuerKey>(text);
        one::<NodeId>(text);
        one::<SealKeyId>(text);
        one::<TicketId>(text);
        one::<Country>(text);
    },
    vectors: &[],
    seeds: || {
        let id = TicketId {
            epoch: 7,
            issuer: 1,
            index: 9,
        };
        let node = NodeId::from([0xab; 32]);
        texts(&["DE", &id.to_string(), &node.to_string()])
    },
};

/// Any key: nobody else has tokens of it.
static KEY: LazyLock<OwnerKey> = LazyLock::new(|| {
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    OwnerKey::from_json(jwk).expect("RFC 8037, appendix A")
});

pub(super) const TOKEN: Target = Target {
    name: "token",
    reads: &[
        "ViewerToken",
        "viewer_tokens::UnverifiedToken::read",
        "viewer_tokens::UnverifiedToken::verify",
        "viewer_tokens::OwnerKey::from_json",
    ],
    run: |bytes| {
        let Some((kind, bytes)) = choice(bytes) else {
            return;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let token = match kind % 3 {
            0 => text.parse::<ViewerToken>().ok(),
            // What an owner may sign: what the token is for is an expression of theirs.
            1 => {
                let claims = Claims {
                    expires_at: 60,
                    container: text.to_owned(),
                    ..Claims::default()
                };
                KEY.sign(&claims).ok()
            }
            _ => {
                let _ = OwnerKey::from_json(text);
                None
            }
        };
        let read = token.map(UnverifiedToken::read);
        if let Some(Ok(read)) = read {
            let from = Some([192, 0, 2, 7].into());
            if let Ok(verified) = read.verify(&[KEY.public().clone()], 0, from) {
                let _ = verified.check_paths(&["film"], ["a.ts", "b/c d.ts"]);
            }
        }
    },
    vectors: &[],
    seeds: || {
        let claims = Claims {
            expires_at: 60,
            container: "regex:/film/.*".into(),
            network: Some("192.0.2.0/24".into()),
            ..Claims::default()
        };
        let token = KEY.sign(&claims).expect("it is short").as_str().to_owned();
        texts(&[
            &format!("\0{token}"),
            "\u{1}regex:/film/(a|b)[0-9]+\\.ts",
            "\u{1}hash:sha-256;n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
            &format!("\u{2}{}", KEY.to_json()),
        ])
    },
};
