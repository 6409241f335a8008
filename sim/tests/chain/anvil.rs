//! The same requests to this chain and to anvil.
//!
//! The root of the state is zero here, so that hashes of blocks differ; roots of transactions and of receipts don't.

use alloy::consensus::{TxEip2930, TxLegacy};
use alloy::primitives::{Address, B256, Bytes, TxKind, U256};
use quittance_sim::world::chain::Mining;
use serde_json::{Value, json};

use crate::harness::{CHAIN_ID, Done, GENESIS_S, World, hash, key, poor, signed, transfer};

pub(crate) struct Anvil {
    process: toolchain::Anvil,
    http: reqwest::Client,
    time_s: u64,
}

impl Anvil {
    fn start() -> Self {
        Self::start_with(&["--timestamp", &GENESIS_S.to_string()])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let process = toolchain::Anvil::start(arguments).expect("anvil starts");
        host::install_crypto_provider();
        Self {
            process,
            http: reqwest::Client::new(),
            time_s: GENESIS_S,
        }
    }

    pub(crate) async fn said(&self, request: &Value) -> Value {
        let asked = self.http.post(self.process.url()).json(request);
        let answer = asked.send().await.expect("anvil answers");
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn ask(&self, method: &str, parameters: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let mut answer = self.said(&request).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Says when the next block is: at that time, or a second after its parent.
    async fn next_block_at(&self, now_s: u64) {
        let time_s = now_s.max(self.time_s + 1);
        self.ask("evm_setNextBlockTimestamp", json!([time_s])).await;
    }

    /// What it answers, when it has done what it was asked.
    async fn answer(&mut self, now_s: u64, request: &Value) -> Value {
        self.next_block_at(now_s).await;
        let answer = self.said(request).await;
        if request["method"] == "eth_sendRawTransaction"
            && let Some(tx) = answer.get("result")
        {
            // It mines right after it has answered.
            while self
                .ask("eth_getTransactionReceipt", json!([tx]))
                .await
                .is_null()
            {
                tokio::task::yield_now().await;
            }
            self.look().await;
        }
        answer
    }

    async fn mine(&mut self, now_s: u64) {
        self.next_block_at(now_s).await;
        self.ask("evm_mine", json!([])).await;
        self.look().await;
    }

    async fn look(&mut self) {
        let head = self
            .ask("eth_getBlockByNumber", json!(["latest", false]))
            .await;
        self.time_s = number(&head["timestamp"]);
    }
}

pub(crate) fn number(value: &Value) -> u64 {
    let digits = value.as_str().expect("a number").trim_start_matches("0x");
    u64::from_str_radix(digits, 16).expect("hexadecimal")
}

/// A value without what must differ: hashes of blocks, and what anvil says besides.
fn common(value: &Value) -> Value {
    const NOT: [&str; 3] = ["blockHash", "blobGasPrice", "blockTimestamp"];
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, _)| !NOT.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), common(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Value::Array(values) => values.iter().map(common).collect(),
        other => other.clone(),
    }
}

fn fields(value: &Value, names: &[&str]) -> Value {
    let picked = names
        .iter()
        .map(|name| ((*name).to_owned(), value[*name].clone()));
    picked.collect::<serde_json::Map<_, _>>().into()
}

/// What of an answer must be the same.
fn compared(method: &str, answer: &Value) -> Value {
    if let Some(error) = answer.get("error") {
        // Each node has words and codes of its own, but for reverts.
        let reverted = error["code"] == 3;
        return json!({"error": reverted, "data": error.get("data")});
    }
    let result = &answer["result"];
    match method {
        "eth_getBlockByNumber" => {
            let names = [
                "number",
                "timestamp",
                "baseFeePerGas",
                "gasUsed",
                "gasLimit",
                "logsBloom",
                "transactionsRoot",
                "receiptsRoot",
                "transactions",
                "miner",
                "withdrawalsRoot",
            ];
            fields(result, &names)
        }
        "eth_feeHistory" => fields(result, &["oldestBlock", "baseFeePerGas", "gasUsedRatio"]),
        "eth_estimateGas" => Value::Null,
        _ => common(result),
    }
}

/// Does again on anvil what was done to a chain; how many answers were the same.
async fn replay(done: &[(u64, Done)]) -> usize {
    let mut anvil = Anvil::start();
    // Its block 1 would have block 0's base fee, where mainnet's rule is that an empty block lowers the next one's.
    anvil
        .ask("anvil_setNextBlockBaseFeePerGas", json!(["0x342770c0"]))
        .await;
    let mut same = 0;
    for (now_s, done) in done {
        match done {
            Done::Mined => anvil.mine(*now_s).await,
            Done::Asked { request, answer } => {
                let [request, answer] = [request, answer]
                    .map(|one| serde_json::from_slice::<Value>(one).expect("JSON"));
                let method = request["method"].as_str().expect("a method");
                let theirs = anvil.answer(*now_s, &request).await;
                assert_eq!(
                    compared(method, &answer),
                    compared(method, &theirs),
                    "{request}\nours {answer}\nanvil's {theirs}"
                );
                if method == "eth_estimateGas" && answer.get("result").is_some() {
                    let (ours, theirs) = (number(&answer["result"]), number(&theirs["result"]));
                    assert!(
                        ours.abs_diff(theirs) * 50 <= theirs,
                        "{request}: {ours} here, {theirs} there"
                    );
                }
                same += 1;
            }
        }
    }
    same
}

#[tokio::test]
async fn a_networks_course_is_the_same_on_anvil() {
    let served = crate::course::run().await;
    let done = served.world.lock().unwrap().done.clone();
    assert!(replay(&done).await > 100);
}

/// Creation code of a contract that has that runtime code.
fn creation(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).expect("short");
    // PUSH1 length, DUP1, PUSH1 offset, PUSH0, CODECOPY, PUSH0, RETURN
    let mut code = vec![0x60, length, 0x80, 0x60, 9, 0x5f, 0x39, 0x5f, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

#[tokio::test]
async fn what_no_binding_sends_is_the_same_on_anvil() {
    let mut world = World::new(Mining::AtOnce);
    let (me, nobody) = (key().address(), poor());
    let to = TxKind::Call(Address::repeat_byte(0x42));
    let mut nonce = 0;
    let mut sent = Vec::new();
    let mut send = |world: &mut World, raw: Bytes| {
        world.now_s += 3;
        world.ask("eth_sendRawTransaction", json!([raw]));
        nonce += 1;
        sent.push(hash(&raw));
        nonce
    };

    // All types.
    let mut next = send(&mut world, signed(&key(), transfer(0)));
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: next,
        gas_price: 5_000_000_000,
        gas_limit: 30_000,
        to,
        value: U256::from(5),
        input: Bytes::from_static(&[1, 0, 2]),
    };
    next = send(&mut world, signed(&key(), legacy));
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: next,
        gas_price: 5_000_000_000,
        gas_limit: 100_000,
        to,
        value: U256::ZERO,
        access_list: vec![alloy::eips::eip2930::AccessListItem {
            address: Address::repeat_byte(0x42),
            storage_keys: vec![B256::ZERO],
        }]
        .into(),
        input: Bytes::new(),
    };
    next = send(&mut world, signed(&key(), listed));

    // TIMESTAMP, NUMBER, BASEFEE, CHAINID, GASLIMIT, COINBASE logged and stored; a word set and cleared, for a refund.
    let looks = [
        0x42, 0x5f, 0x52, // MSTORE(0, TIMESTAMP)
        0x43, 0x60, 0x20, 0x52, // MSTORE(32, NUMBER)
        0x48, 0x60, 0x40, 0x52, // MSTORE(64, BASEFEE)
        0x46, 0x60, 0x60, 0x52, // MSTORE(96, CHAINID)
        0x45, 0x60, 0x80, 0x52, // MSTORE(128, GASLIMIT)
        0x41, 0x60, 0xa0, 0x52, // MSTORE(160, COINBASE)
        0x43, 0x5f, 0x55, // SSTORE(0, NUMBER)
        0x60, 0x01, 0x60, 0x01, 0x55, 0x5f, 0x60, 0x01, 0x55, // SSTORE(1, 1), SSTORE(1, 0)
        0x33, 0x60, 0xc0, 0x5f, 0xa1, // LOG1(0, 192, CALLER)
        0x60, 0xc0, 0x5f, 0xf3, // RETURN(0, 192)
    ];
    let create = |nonce, input| {
        let mut tx = transfer(nonce);
        (tx.to, tx.value, tx.gas_limit, tx.input) = (TxKind::Create, U256::ZERO, 300_000, input);
        signed(&key(), tx)
    };
    let looker = me.create(next);
    next = send(&mut world, create(next, creation(&looks)));
    let call = |nonce, to| {
        let mut tx = transfer(nonce);
        (tx.to, tx.value, tx.gas_limit) = (TxKind::Call(to), U256::ZERO, 200_000);
        signed(&key(), tx)
    };
    next = send(&mut world, call(next, looker));
    next = send(&mut world, call(next, looker));

    // Failures: a creation and a call that revert with data, one that loops, one that is no code.
    // MSTORE(0, NUMBER), REVERT(0, 32)
    let reverts = [0x43, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd];
    next = send(&mut world, create(next, Bytes::copy_from_slice(&reverts)));
    let reverter = me.create(next);
    next = send(&mut world, create(next, creation(&reverts)));
    next = send(&mut world, call(next, reverter));
    let looper = me.create(next);
    next = send(&mut world, create(next, creation(&[0x5b, 0x5f, 0x56])));
    next = send(&mut world, call(next, looper));
    let invalid = me.create(next);
    next = send(&mut world, create(next, creation(&[0xfe])));
    next = send(&mut world, call(next, invalid));

    // What is said of it all.
    for tx in sent {
        world.ask("eth_getTransactionReceipt", json!([tx]));
        world.ask("eth_getTransactionByHash", json!([tx]));
    }
    let calls = |to: Address| json!({"from": me, "to": to, "data": "0x"});
    for to in [
        looker,
        reverter,
        looper,
        invalid,
        Address::repeat_byte(0x42),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            // Of the newest block's state anvil says what time it would be in the next.
            world.said(method, json!([calls(to), "pending"]));
        }
        world.ask("eth_getCode", json!([to, "latest"]));
        world.ask("eth_getBalance", json!([to, "latest"]));
        world.ask("eth_getTransactionCount", json!([to, "latest"]));
    }
    for tag in [
        json!("latest"),
        json!("earliest"),
        json!("0x4"),
        json!("0xffff"),
    ] {
        world.ask("eth_getBlockByNumber", json!([tag, false]));
    }
    world.ask("eth_feeHistory", json!(["0x5", "latest", [20.0]]));
    world.ask("eth_blockNumber", json!([]));
    world.ask("eth_gasPrice", json!([]));
    world.ask("eth_maxPriorityFeePerGas", json!([]));
    world.ask("eth_getBalance", json!([me, "latest"]));
    world.ask("eth_getBalance", json!([Address::ZERO, "latest"]));
    let all = json!([{"fromBlock": "0x0", "toBlock": "latest", "address": looker}]);
    assert_eq!(world.ask("eth_getLogs", all).as_array().unwrap().len(), 2);

    // Refusals.
    let mut hungry = transfer(next);
    hungry.gas_limit = 20_000;
    let mut greedy = transfer(next);
    greedy.gas_limit = 30_000_001;
    let mut elsewhere = transfer(next);
    elsewhere.chain_id = 1;
    for raw in [
        signed(&nobody, transfer(0)),
        signed(&key(), transfer(0)),
        signed(&key(), hungry),
        signed(&key(), greedy),
        signed(&key(), elsewhere),
        Bytes::from_static(&[2, 0xc0]),
        Bytes::new(),
    ] {
        world.refused("eth_sendRawTransaction", json!([raw]));
    }
    world.refused("eth_nothing", json!([]));
    replay(&world.done).await;
}
