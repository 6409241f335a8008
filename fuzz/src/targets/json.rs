//! Bodies of the HTTP API, both ways, and files of strangers in JSON. The first byte chooses which is due.

use crate::target::{Target, choice};
use protocol::api::{
    CollectionSummary, NetworkInfo, NetworkStatus, NodeInfo, OrderRequest, OrderStatus,
    OrderSummary, OriginSource, PublishRequest, RouteAnswer, RouteExplanation, RouteRequest,
    SealKeyRequest, TrafficStatus,
};
use protocol::{Policy, Timeline, ViewerKey};
use serde::de::DeserializeOwned;

fn one<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

pub(super) const JSON: Target = Target {
    name: "json",
    reads: &[
        "RouteRequest",
        "PublishRequest",
        "OrderRequest",
        "SealKeyRequest",
        "Policy",
        "ViewerKey",
        "OriginSource",
        "NetworkInfo",
        "RouteAnswer",
        "RouteExplanation",
        "CollectionSummary",
        "NodeInfo",
        "OrderStatus",
        "OrderSummary",
        "NetworkStatus",
        "TrafficStatus",
        "Timeline",
    ],
    run: |bytes| {
        let Some((kind, bytes)) = choice(bytes) else {
            return;
        };
        match kind % 17 {
            0 => drop(one::<RouteRequest>(bytes)),
            1 => drop(one::<PublishRequest>(bytes)),
            2 => {
                if let Some(asked) = one::<OrderRequest>(bytes)
                    && let protocol::api::OrderAsk::Purge { paths, .. } = asked.order
                    && paths.is_well_formed()
                {
                    paths.matches("a/b c/ä.ts");
                }
            }
            3 => drop(one::<SealKeyRequest>(bytes)),
            4 => {
                if let Some(policy) = one::<Policy>(bytes) {
                    let _ = policy.check();
                    let _ = policy.check_country(Some(*b"DE"));
                }
            }
            5 => drop(one::<ViewerKey>(bytes)),
            6 => drop(one::<OriginSource>(bytes)),
            7 => drop(one::<NetworkInfo>(bytes)),
            8 => drop(one::<RouteAnswer>(bytes)),
            9 => drop(one::<RouteExplanation>(bytes)),
            10 => drop(one::<CollectionSummary>(bytes)),
            11 => drop(one::<NodeInfo>(bytes)),
            12 => drop(one::<OrderStatus>(bytes)),
            13 => drop(one::<OrderSummary>(bytes)),
            14 => drop(one::<NetworkStatus>(bytes)),
            15 => drop(one::<TrafficStatus>(bytes)),
            _ => {
                if let Some(timeline) = one::<Timeline>(bytes) {
                    let _ = timeline.epoch_at_ms(1_700_000_000_000);
                    let _ = timeline.end(7);
                }
            }
        }
    },
    vectors: &[],
    seeds: || {
        let seeds: [(u8, &str); 7] = [
            (0, r#"{"collection":"film","client":"0x01","nodes":[]}"#),
            (1, r#"{"name":"film","manifest":"0x02"}"#),
            (
                2,
                r#"{"order":{"purge":{"collection":"film","paths":{"glob":"**/?*.ts"}}},"zones":["eu"]}"#,
            ),
            (
                4,
                r#"{"countries":["DE"],"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}]}"#,
            ),
            (
                5,
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k"}"#,
            ),
            (
                6,
                r#"{"url":"https://o.example/a","validator":{"etag":"\"x\""}}"#,
            ),
            (
                16,
                r#"{"genesis":1700000000,"epoch_length":3600,"ticket_tail":300,"commit_window":900,"force_window":1800,"challenge_window":86400,"later":[]}"#,
            ),
        ];
        seeds
            .iter()
            .map(|(kind, text)| [&[*kind], text.as_bytes()].concat())
            .collect()
    },
};
