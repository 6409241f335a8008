//! JSON-RPC: the methods that the processes use, and no others.

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::rpc::types::{Filter, Transaction, TransactionRequest};
use revm::DatabaseRef;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::block::Block;
use super::fees;
use super::ledger::{At, Chain};
use super::refusal::Refusal;

impl Chain {
    /// Answers a request's body, one JSON-RPC request or a batch of them, at `now_s`, Unix seconds. Any bytes get an
    /// answer; it is empty if nobody wants one.
    pub fn answer(&mut self, now_s: u64, body: &[u8]) -> Vec<u8> {
        let answer = match serde_json::from_slice(body) {
            Err(error) => Some(answered(
                Value::Null,
                Err(Refusal::NotJson(error.to_string())),
            )),
            Ok(Value::Array(batch)) if !batch.is_empty() => {
                let answers = batch.into_iter().filter_map(|one| one_of(self, now_s, one));
                let answers: Vec<_> = answers.collect();
                (!answers.is_empty()).then_some(Value::Array(answers))
            }
            Ok(request) => one_of(self, now_s, request),
        };
        answer.map_or_else(Vec::new, |answer| answer.to_string().into_bytes())
    }
}

/// Answers one request; a notification, which has no id, is heeded and not answered.
fn one_of(chain: &mut Chain, now_s: u64, request: Value) -> Option<Value> {
    let Value::Object(mut request) = request else {
        return Some(answered(Value::Null, Err(Refusal::NotARequest)));
    };
    let id = request.remove("id");
    let method = request.remove("method");
    let (Some(Value::String(method)), Some("2.0")) =
        (method, request.get("jsonrpc").and_then(Value::as_str))
    else {
        let id = id.unwrap_or_default();
        return Some(answered(id, Err(Refusal::NotARequest)));
    };
    let result = match request.remove("params") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(parameters)) => Ok(parameters),
        Some(_) => Err(Refusal::NotARequest),
    };
    let result =
        result.and_then(|given| chain.dispatch(now_s, &method, Parameters { given, taken: 0 }));
    id.map(|id| answered(id, result))
}

fn answered(id: Value, result: Result<Value, Refusal>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(refusal) => json!({"jsonrpc": "2.0", "id": id, "error": refusal.shown()}),
    }
}

/// A request's parameters, by place.
struct Parameters {
    given: Vec<Value>,
    taken: usize,
}

impl Parameters {
    /// The next one, which may be left out.
    fn maybe<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Refusal> {
        let place = self.taken;
        self.taken += 1;
        match self.given.get_mut(place).map(Value::take) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Refusal::Parameter {
                    place,
                    why: error.to_string(),
                }),
            },
        }
    }

    /// The next one.
    fn next<T: DeserializeOwned>(&mut self) -> Result<T, Refusal> {
        let place = self.taken;
        self.maybe()?.ok_or_else(|| Refusal::Parameter {
            place,
            why: "missing value".into(),
        })
    }

    /// Says that there are no more: what isn't known mustn't be passed over.
    fn end(self) -> Result<(), Refusal> {
        let more = self.given.iter().skip(self.taken);
        match more.into_iter().all(Value::is_null) {
            true => Ok(()),
            false => Err(Refusal::Parameters(self.taken)),
        }
    }
}

impl Chain {
    fn dispatch(
        &mut self,
        now_s: u64,
        method: &str,
        mut parameters: Parameters,
    ) -> Result<Value, Refusal> {
        match method {
            "eth_chainId" => {
                parameters.end()?;
                Ok(json!(U64::from(self.chain_id)))
            }
            "eth_blockNumber" => {
                parameters.end()?;
                Ok(json!(U64::from(self.newest().number())))
            }
            "eth_gasPrice" => {
                parameters.end()?;
                Ok(json!(U256::from(self.gas_price())))
            }
            "eth_maxPriorityFeePerGas" => {
                parameters.end()?;
                Ok(json!(U256::from(fees::TIP)))
            }
            "eth_feeHistory" => {
                let count: U64 = parameters.next()?;
                let newest: BlockNumberOrTag = parameters.next()?;
                let percentiles: Vec<f64> = parameters.maybe()?.unwrap_or_default();
                parameters.end()?;
                let newest = self.number_of(newest).ok_or(Refusal::NoSuchBlock)?;
                Ok(json!(self.fee_history(count.to(), newest, &percentiles)))
            }
            "eth_getBalance" => {
                let account: Address = parameters.next()?;
                let at = self.at(parameters.maybe()?)?;
                parameters.end()?;
                let (layer, _) = self.layer(at, now_s);
                let Ok(info) = layer.basic_ref(account);
                Ok(json!(info.unwrap_or_default().balance))
            }
            "eth_getCode" => {
                let account: Address = parameters.next()?;
                let at = self.at(parameters.maybe()?)?;
                parameters.end()?;
                Ok(json!(self.code(account, at, now_s)))
            }
            "eth_getTransactionCount" => {
                let account: Address = parameters.next()?;
                let at = self.at(parameters.maybe()?)?;
                parameters.end()?;
                let mined = self.nonce(account);
                let nonce = match at {
                    At::Head => mined,
                    At::Pending => self.pool.next_nonce(account, mined),
                };
                Ok(json!(U64::from(nonce)))
            }
            "eth_call" | "eth_estimateGas" => {
                let request: TransactionRequest = parameters.next()?;
                let at = self.at(parameters.maybe()?)?;
                parameters.end()?;
                if method == "eth_call" {
                    Ok(json!(self.call(request, at, now_s)?))
                } else {
                    Ok(json!(U64::from(self.estimate(request, at, now_s)?)))
                }
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = parameters.next()?;
                parameters.end()?;
                Ok(json!(self.send(&raw, now_s)?))
            }
            "eth_getTransactionReceipt" => {
                let hash: B256 = parameters.next()?;
                parameters.end()?;
                let found = self.mined.get(&hash);
                Ok(json!(found.map(|(block, place)| {
                    &self.blocks[*block].receipts()[*place]
                })))
            }
            "eth_getTransactionByHash" => {
                let hash: B256 = parameters.next()?;
                parameters.end()?;
                Ok(json!(self.transaction(hash)))
            }
            "eth_getBlockByNumber" => {
                let tag: BlockNumberOrTag = parameters.next()?;
                let whole = parameters.maybe()?.unwrap_or(false);
                parameters.end()?;
                Ok(match (tag, self.number_of(tag)) {
                    (BlockNumberOrTag::Pending, _) => {
                        json!(self.pending_block(now_s).shown(whole))
                    }
                    (_, Some(number)) => json!(self.blocks[number as usize].shown(whole)),
                    (_, None) => Value::Null,
                })
            }
            "eth_getLogs" => {
                let filter: Filter = parameters.next()?;
                parameters.end()?;
                Ok(json!(self.logs(&filter)?))
            }
            _ => Err(Refusal::NoSuchMethod(method.into())),
        }
    }

    /// The block that a tag names, if there is such a one; the newest for what is pending.
    fn number_of(&self, tag: BlockNumberOrTag) -> Option<u64> {
        let newest = self.newest().number();
        match tag {
            BlockNumberOrTag::Number(number) => (number <= newest).then_some(number),
            BlockNumberOrTag::Earliest => Some(0),
            BlockNumberOrTag::Latest
            | BlockNumberOrTag::Safe
            | BlockNumberOrTag::Finalized
            | BlockNumberOrTag::Pending => Some(newest),
        }
    }

    /// Which state is meant; the newest if none is named.
    fn at(&self, block: Option<BlockId>) -> Result<At, Refusal> {
        let number = match block.unwrap_or_default() {
            BlockId::Number(BlockNumberOrTag::Pending) => return Ok(At::Pending),
            BlockId::Number(tag) => self.number_of(tag),
            BlockId::Hash(hash) => {
                let named = |block: &&Block| block.hash() == hash.block_hash;
                self.blocks.iter().find(named).map(|block| block.number())
            }
        };
        match number.ok_or(Refusal::NoSuchBlock)? {
            number if number == self.newest().number() => Ok(At::Head),
            older => Err(Refusal::StateGone(older)),
        }
    }

    fn code(&self, account: Address, at: At, now_s: u64) -> Bytes {
        let (layer, _) = self.layer(at, now_s);
        let Ok(info) = layer.basic_ref(account);
        let Ok(code) = layer.code_by_hash_ref(info.unwrap_or_default().code_hash);
        code.original_bytes()
    }

    fn transaction(&self, hash: B256) -> Option<Transaction> {
        if let Some((block, place)) = self.mined.get(&hash) {
            return Some(self.blocks[*block].transactions()[*place].clone());
        }
        self.pool.find(hash).map(|tx| Transaction {
            inner: tx.clone(),
            block_hash: None,
            block_number: None,
            transaction_index: None,
            effective_gas_price: None,
            block_timestamp: None,
        })
    }
}
