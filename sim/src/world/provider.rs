//! Providers that aren't as they should be: what somebody's RPC says for a while of a chain that is as it is.

use super::chain::Chain;
use alloy::primitives::{Bytes, keccak256};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An answer of a slow provider takes so long: less than what is waited for one.
const SLOW: Duration = Duration::from_secs(4);
/// Logs of so many newest blocks aren't there yet, where they are late.
const LATE_BLOCKS: u64 = 40;

/// How a provider is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RpcFault {
    /// Each answer takes seconds.
    Slow,
    /// It stands still at a block; transactions are sent on.
    Lags,
    /// It has no logs of the newest blocks, whose state it has.
    LogsLate,
    /// It leaves out every other log.
    LogsLeftOut,
    /// It gives the first half of the logs asked for, as if that were all.
    LogsCut,
    /// It takes transactions and forgets them.
    TransactionsDropped,
    /// It keeps transactions back, and then sends the newest first.
    TransactionsReordered,
}

impl RpcFault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Slow,
        Self::Lags,
        Self::LogsLate,
        Self::LogsLeftOut,
        Self::LogsCut,
        Self::TransactionsDropped,
        Self::TransactionsReordered,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow RPC",
            Self::Lags => "RPC that lags",
            Self::LogsLate => "RPC whose logs are late",
            Self::LogsLeftOut => "RPC that leaves out logs",
            Self::LogsCut => "RPC that cuts pages of logs",
            Self::TransactionsDropped => "RPC that drops transactions",
            Self::TransactionsReordered => "RPC that reorders transactions",
        }
    }
}

struct Trouble {
    fault: RpcFault,
    /// The chain when it began, for one that lags.
    then: Option<Box<Chain>>,
    /// Requests with transactions that are kept back.
    held: Vec<Bytes>,
    /// Answers that it made others.
    met: u64,
}

/// Whose provider is wrong, and how; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Troubles(Arc<Mutex<BTreeMap<String, Trouble>>>);

impl Troubles {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on somebody's provider is like this; gives the requests that were kept back, in the order in which
    /// they are to be carried out, and how many answers were others than they should have been.
    pub(super) fn set(
        &self,
        of: &str,
        fault: Option<RpcFault>,
        chain: &Chain,
    ) -> (Vec<Bytes>, u64) {
        let mut all = self.all();
        let before = all.remove(of);
        if let Some(fault) = fault {
            let trouble = Trouble {
                fault,
                then: (fault == RpcFault::Lags).then(|| Box::new(chain.clone())),
                held: Vec::new(),
                met: 0,
            };
            all.insert(of.to_owned(), trouble);
        }
        let before = before.map(|trouble| (trouble.held, trouble.met));
        let (mut held, met) = before.unwrap_or_default();
        held.reverse();
        (held, met)
    }

    /// How long an answer of somebody's provider takes.
    pub(super) fn pause(&self, of: &str) -> Duration {
        match self.all().get_mut(of) {
            Some(trouble) if trouble.fault == RpcFault::Slow => {
                trouble.met += 1;
                SLOW
            }
            _ => Duration::ZERO,
        }
    }

    /// What somebody's provider answers.
    pub(super) fn answer(
        &self,
        of: &str,
        chain: &mut Chain,
        now_s: u64,
        body: &axum::body::Bytes,
    ) -> Vec<u8> {
        let mut all = self.all();
        let Some(trouble) = all.get_mut(of) else {
            return chain.answer(now_s, body);
        };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let sends = request["method"] == "eth_sendRawTransaction";
        match trouble.fault {
            RpcFault::Slow => chain.answer(now_s, body),
            RpcFault::Lags if sends => chain.answer(now_s, body),
            RpcFault::Lags => {
                trouble.met += 1;
                let then = trouble.then.as_mut().expect("it was taken when it began");
                then.answer(now_s, body)
            }
            RpcFault::LogsLate | RpcFault::LogsLeftOut | RpcFault::LogsCut => {
                let answer = chain.answer(now_s, body);
                if request["method"] != "eth_getLogs" {
                    return answer;
                }
                trouble.fault_logs(answer, chain.head().number)
            }
            RpcFault::TransactionsDropped | RpcFault::TransactionsReordered => {
                let raw = request["params"][0].as_str().map(str::parse::<Bytes>);
                let (true, Some(Ok(raw))) = (sends, raw) else {
                    return chain.answer(now_s, body);
                };
                trouble.met += 1;
                if trouble.fault == RpcFault::TransactionsReordered {
                    trouble.held.push(body.clone().into());
                }
                let taken =
                    json!({"jsonrpc": "2.0", "id": request["id"], "result": keccak256(raw)});
                taken.to_string().into_bytes()
            }
        }
    }
}

impl Trouble {
    /// The same answer with fewer logs.
    fn fault_logs(&mut self, answer: Vec<u8>, newest: u64) -> Vec<u8> {
        let mut shown: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let Some(logs) = shown["result"].as_array_mut() else {
            return answer;
        };
        let all = logs.len();
        match self.fault {
            RpcFault::LogsLate => logs.retain(|log| {
                let number = log["blockNumber"].as_str().unwrap_or_default();
                let number = u64::from_str_radix(number.trim_start_matches("0x"), 16);
                number.is_ok_and(|number| number + LATE_BLOCKS <= newest)
            }),
            RpcFault::LogsLeftOut => {
                let mut place = 0;
                logs.retain(|_| {
                    place += 1;
                    place % 2 == 0
                });
            }
            _ => logs.truncate(all / 2),
        }
        self.met += u64::from(logs.len() < all);
        shown.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::chain::{Genesis, Mining};
    use axum::body::Bytes as Body;

    fn chain() -> Chain {
        Chain::new(Genesis {
            chain_id: 1,
            time_s: 1_000,
            funded: Vec::new(),
            mining: Mining::OnCall,
        })
    }

    fn asked(troubles: &Troubles, chain: &mut Chain, method: &str, parameters: &str) -> Value {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":[{parameters}]}}"#);
        let answer = troubles.answer("one", chain, 1_000, &Body::from(body));
        serde_json::from_slice::<Value>(&answer).unwrap()["result"].clone()
    }

    #[test]
    fn one_that_lags_stands_still_until_it_is_mended() {
        let (troubles, mut chain) = (Troubles::default(), chain());
        troubles.set("one", Some(RpcFault::Lags), &chain);
        chain.mine(1_001);
        assert_eq!(asked(&troubles, &mut chain, "eth_blockNumber", ""), "0x0");
        assert_eq!(troubles.set("one", None, &chain).1, 1);
        assert_eq!(asked(&troubles, &mut chain, "eth_blockNumber", ""), "0x1");
    }

    #[test]
    fn transactions_are_said_to_be_taken_and_given_back_newest_first() {
        let (troubles, mut chain) = (Troubles::default(), chain());
        troubles.set("one", Some(RpcFault::TransactionsReordered), &chain);
        for raw in [r#""0x01""#, r#""0x02""#] {
            let hash = asked(&troubles, &mut chain, "eth_sendRawTransaction", raw);
            assert_eq!(hash.as_str().unwrap().len(), 66);
        }
        let (held, met) = troubles.set("one", None, &chain);
        assert_eq!(met, 2);
        assert!(held[0].ends_with(br#"["0x02"]}"#) && held[1].ends_with(br#"["0x01"]}"#));
    }

    #[test]
    fn pages_of_logs_are_cut_or_thinned_or_late() {
        let logs: Vec<Value> = (0..50)
            .map(|block| json!({"blockNumber": format!("{block:#x}")}))
            .collect();
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": logs});
        let left = |fault| {
            let mut trouble = Trouble {
                fault,
                then: None,
                held: Vec::new(),
                met: 0,
            };
            let shown = trouble.fault_logs(answer.to_string().into_bytes(), 49);
            let shown: Value = serde_json::from_slice(&shown).unwrap();
            (shown["result"].as_array().unwrap().len(), trouble.met)
        };
        assert_eq!(left(RpcFault::LogsCut), (25, 1));
        assert_eq!(left(RpcFault::LogsLeftOut), (25, 1));
        assert_eq!(left(RpcFault::LogsLate), (50 - LATE_BLOCKS as usize, 1));
    }
}
