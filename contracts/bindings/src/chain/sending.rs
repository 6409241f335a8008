//! Sending: one transaction of an account after another, each brought to its end.
//!
//! What is to be done about one that isn't mined is the [`outbox`](crate::outbox)'s to say.

mod pools;

use std::time::Duration;

use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionReceipt;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::rpc::{Answer, Pause, Rpc, Sent};
use super::{ChainError, Runway};
use crate::outbox::{Alarm, Flight, Order, OutboxError, Seen, Step, Turn, alarm, patience, step};
use pools::Given;

/// Who can pay for fewer calls than this is told to send more.
const CALLS_LOW: u64 = 20;
/// Offers of a transaction that pools refuse as too low, one right after the other.
const OFFERS_AT_ONCE: u32 = 16;

/// What is to be brought to its end.
#[derive(Clone, Copy)]
struct Landing {
    call: &'static str,
    account: Address,
    /// When its window closes.
    closes: Option<Instant>,
}

/// How long a flight has been what it is.
struct Watch {
    began: Instant,
    offered: Instant,
    given: Option<Instant>,
    used: Option<Instant>,
    gap: Option<Instant>,
    told: Alarm,
}

impl Watch {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            offered: now,
            given: None,
            used: None,
            gap: None,
            told: Alarm::None,
        }
    }

    fn seen(&mut self, mined: u64, nonce: u64) -> Seen {
        let now = Instant::now();
        let since = |when: &mut Option<Instant>, holds: bool| {
            *when = holds.then(|| when.unwrap_or(now));
            when.map_or(Duration::ZERO, |when| now - when)
        };
        Seen {
            mined,
            used_for: since(&mut self.used, mined > nonce),
            gap_for: since(&mut self.gap, mined < nonce),
            offered_for: now - self.offered,
            given_for: self.given.map_or(Duration::MAX, |given| now - given),
        }
    }

    /// Says once of each alarm that it is so.
    fn tell(&mut self, call: &str, account: Address, closes: Option<Instant>) {
        let left = closes.map(|closes| closes.saturating_duration_since(Instant::now()));
        let now = alarm(self.began.elapsed(), left);
        if now <= self.told {
            return;
        }
        self.told = now;
        let left_s = left.unwrap_or_default().as_secs();
        match now {
            Alarm::None => {}
            Alarm::Late => warn!(
                call, %account, left_s,
                "a transaction isn't mined, and less time is left for it than it was waited for; more is offered"
            ),
            Alarm::Last => error!(
                call, %account, left_s,
                "a transaction is about to miss its window, and what hangs on it is lost then; is the RPC in order, \
                 has the account enough, is the fee cap too low?"
            ),
            Alarm::Missed => error!(call, %account, "a transaction has missed its window"),
        }
    }
}

impl Rpc {
    /// The account's next nonce, when nothing of it is in the air any more.
    pub(super) fn nonce(&self, call: &'static str) -> Answer<'_, u64> {
        Box::pin(async move {
            let account = self.account().ok_or(ChainError::NoKey { call })?;
            let mut turn = self.take_turn(account, true).await?;
            let landing = Landing {
                call,
                account,
                closes: None,
            };
            Ok(self.make_room(&mut turn, landing).await?.0)
        })
    }

    /// Simulates, sends and awaits one transaction, after all others of the account. `until` is when its window closes,
    /// chain seconds. What is in the air and is the same goes on: it isn't sent a second time.
    pub(super) fn transact(
        &self,
        call: &'static str,
        order: Order,
        until: Option<u64>,
    ) -> Answer<'_, TransactionReceipt> {
        Box::pin(async move {
            let account = self.account().ok_or(ChainError::NoKey { call })?;
            let mut turn = self.take_turn(account, order.twice_is_twice()).await?;
            let closes = match until {
                None => None,
                Some(until) => {
                    let now = self.latest_block().await?.timestamp;
                    Some(Instant::now() + Duration::from_secs(until.saturating_sub(now)))
                }
            };
            let landing = Landing {
                call,
                account,
                closes,
            };
            if let Some(landed) = self.go_on(&mut turn, landing, &order).await? {
                return Ok(landed);
            }
            let (nonce, replaced) = self.make_room(&mut turn, landing).await?;
            // A refusal costs nothing.
            let gas = self.gas_for(call, &order).await?;
            let market = self.market().await?.capped(self.fee_cap());
            let fees = match replaced.as_ref().map(|flight| flight.fees) {
                None => market,
                Some(fees) => fees.raised(market, self.fee_cap()).unwrap_or(fees),
            };
            let flight = Flight {
                order,
                nonce,
                gas,
                fees,
                raw: Bytes::new(),
                hashes: Vec::new(),
            };
            let flight = self.signed(call, flight).await?;
            turn.keep(flight.clone()).await?;
            let landed = self.land(&mut turn, landing, flight, true).await;
            // Refused by all: what it was to replace is still in the air.
            if let (Err(_), None, Some(replaced)) = (&landed, turn.flight(), replaced) {
                turn.keep(replaced).await?;
            }
            landed
        })
    }

    /// Brings a call to its end if it is what is in the air; `None` if it isn't.
    pub(super) fn resume(
        &self,
        call: &'static str,
        to: Address,
        data: Bytes,
    ) -> Answer<'_, Option<Sent>> {
        Box::pin(async move {
            let account = self.account().ok_or(ChainError::NoKey { call })?;
            let order = Order::call(call, to, data);
            let mut turn = self.take_turn(account, order.twice_is_twice()).await?;
            let landing = Landing {
                call,
                account,
                closes: None,
            };
            let landed = self.go_on(&mut turn, landing, &order).await?;
            Ok(landed.as_ref().map(Sent::from))
        })
    }

    async fn go_on(
        &self,
        turn: &mut Turn<'_>,
        landing: Landing,
        order: &Order,
    ) -> Result<Option<TransactionReceipt>, ChainError> {
        let same = turn.flight().filter(|flight| flight.order == *order);
        let Some(flight) = same.cloned() else {
            return Ok(None);
        };
        let (call, nonce) = (landing.call, flight.nonce);
        info!(call, nonce, "going on with what is in the air");
        Ok(Some(self.land(turn, landing, flight, false).await?))
    }

    /// Takes the account's turn; on paper, if it has to be.
    async fn take_turn(&self, account: Address, strict: bool) -> Result<Turn<'_>, ChainError> {
        let in_the_air = self.in_the_air().lock().await;
        let Some(outbox) = self.outbox() else {
            return Ok(Turn::in_memory(in_the_air));
        };
        let of = (self.chain_id().await?, self.genesis().await?, account);
        match Turn::kept(in_the_air, outbox, of, self.confirm_timeout()).await {
            Ok(turn) => Ok(turn),
            Err(OutboxError::Disk(error)) if !strict => {
                warn!(%error, "what is sent can't be written down; it is sent all the same");
                Ok(Turn::in_memory(self.in_the_air().lock().await))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The next nonce, when what was in the air is at its end; or that of what has come to nothing, and is to be replaced,
    /// with that.
    async fn make_room(
        &self,
        turn: &mut Turn<'_>,
        landing: Landing,
    ) -> Result<(u64, Option<Flight>), ChainError> {
        let account = landing.account;
        let Some(flight) = turn.flight().cloned() else {
            return Ok((self.settled_nonce(account).await?, None));
        };
        let landing = Landing {
            call: "what was sent before",
            ..landing
        };
        let landed = self.land(turn, landing, flight, false).await;
        match (landed, turn.flight()) {
            (Ok(_) | Err(ChainError::Failed { .. } | ChainError::Overtaken { .. }), _) => {
                Ok((self.settled_nonce(account).await?, None))
            }
            (Err(ChainError::Reverted { .. }), Some(flight)) => {
                Ok((flight.nonce, Some(flight.clone())))
            }
            (Err(ChainError::NotMined { after, .. }), _) => Err(ChainError::StillPending {
                account,
                pending: 1,
                after,
            }),
            (Err(error), _) => Err(error),
        }
    }

    /// The account's next nonce, when no transaction of it is pending that isn't ours to replace.
    async fn settled_nonce(&self, account: Address) -> Result<u64, ChainError> {
        const CALL: &str = "eth_getTransactionCount";
        let after = self.confirm_timeout();
        let mut pause = Pause::until(Instant::now() + after);
        loop {
            let pending = self.provider().get_transaction_count(account).pending();
            let pending = pending.await.map_err(|error| self.error(CALL, error))?;
            let latest = self.transaction_count(account).await?;
            // Asked for later, the latest may be ahead.
            if latest >= pending {
                return Ok(latest);
            }
            if !pause.take().await {
                let pending = pending - latest;
                return Err(ChainError::StillPending {
                    account,
                    pending,
                    after,
                });
            }
        }
    }

    /// Brings a transaction to its end: mined, refused, or overtaken. One that isn't mined in time stays in the air, for the
    /// next turn. A new one has been given to nobody.
    async fn land(
        &self,
        turn: &mut Turn<'_>,
        landing: Landing,
        mut flight: Flight,
        mut is_new: bool,
    ) -> Result<TransactionReceipt, ChainError> {
        let Landing {
            call,
            account,
            closes,
        } = landing;
        let mut watch = Watch::new();
        let mut pause = Pause::until(watch.began + self.confirm_timeout());
        let mut offers = 0;
        loop {
            let receipt = self.receipt_of(&flight).await;
            if let Ok(Some(receipt)) = receipt {
                turn.clear().await;
                return self.landed(call, account, receipt).await;
            }
            // Who can't read receipts doesn't know whose the nonce is.
            let mined = match (receipt, self.transaction_count(account).await) {
                (Ok(_), Ok(mined)) => mined,
                (Err(error), _) | (_, Err(error)) if error.is_retryable() => flight.nonce,
                (Err(error), _) | (_, Err(error)) => return Err(error),
            };
            let left = closes.map(|closes| closes.saturating_duration_since(Instant::now()));
            let mut next = step(
                flight.nonce,
                watch.seen(mined, flight.nonce),
                patience(left),
            );
            if next == Step::Again {
                watch.given = Some(Instant::now());
                match self.give(&flight.raw).await {
                    Given::Taken | Given::Used => {}
                    Given::TooLow if offers < OFFERS_AT_ONCE => next = Step::Raise,
                    Given::TooLow => {}
                    // Nobody has it, and nobody will.
                    Given::Not(error) if is_new && error.is_refusal() && !error.is_retryable() => {
                        turn.clear().await;
                        return Err(error);
                    }
                    Given::Not(error @ ChainError::NoGas { .. }) => {
                        warn!(call, %error, fee = flight.fees.max, "a transaction isn't taken");
                    }
                    Given::Not(error) => debug!(call, %error, "not taken"),
                }
                is_new = false;
            }
            match next {
                Step::Wait | Step::Again => {}
                Step::Overtaken => {
                    turn.clear().await;
                    let nonce = flight.nonce;
                    return Err(ChainError::Overtaken {
                        call,
                        account,
                        nonce,
                    });
                }
                Step::Fill => {
                    watch.given = Some(Instant::now());
                    self.fill(call, account, mined).await?;
                }
                Step::Raise => {
                    offers += 1;
                    watch.offered = Instant::now();
                    match self.raised(call, &flight).await {
                        Ok(Some(raised)) => {
                            turn.keep(raised.clone()).await?;
                            flight = raised;
                            watch.given = None;
                            continue;
                        }
                        Ok(None) => warn!(
                            call, %account, fee = flight.fees.max,
                            "a transaction isn't mined, and its fee is as high as the cap lets it"
                        ),
                        Err(error @ ChainError::Reverted { .. }) => {
                            // It may be refused because it is done, which its receipt will say.
                            match self.transaction_count(account).await {
                                Ok(mined) if mined > flight.nonce => {}
                                _ => return Err(error),
                            }
                        }
                        Err(error) => debug!(call, %error, "looking again"),
                    }
                }
            }
            watch.tell(call, account, closes);
            if !pause.take().await {
                return Err(ChainError::NotMined {
                    call,
                    tx: flight.hashes.last().copied().unwrap_or_default(),
                    after: self.confirm_timeout(),
                });
            }
        }
    }

    async fn landed(
        &self,
        call: &'static str,
        account: Address,
        receipt: TransactionReceipt,
    ) -> Result<TransactionReceipt, ChainError> {
        let tx = receipt.transaction_hash;
        debug!(call, %tx, gas = receipt.gas_used, "mined");
        let cost = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
        // What is left is only told: if it can't be asked for, nothing is lost.
        if let Ok(balance) = self.provider().get_balance(account).await {
            let calls = (balance / U256::from(cost.max(1))).saturating_to::<u64>();
            if calls < CALLS_LOW {
                warn!(%account, calls, "the account can pay for few more transactions like the last; send it more");
            }
            self.note_runway(Runway { balance, calls });
        }
        match receipt.status() {
            true => Ok(receipt),
            false => Err(ChainError::Failed { call, tx }),
        }
    }

    /// The receipt of any of its offers, the newest first; `None` if none has one.
    async fn receipt_of(&self, flight: &Flight) -> Result<Option<TransactionReceipt>, ChainError> {
        for tx in flight.hashes.iter().rev() {
            let receipt = self.provider().get_transaction_receipt(*tx).await;
            let receipt = receipt.map_err(|error| self.error("eth_getTransactionReceipt", error));
            if let Some(receipt) = receipt? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// The same at the same nonce for more; `None` at the cap.
    async fn raised(
        &self,
        call: &'static str,
        flight: &Flight,
    ) -> Result<Option<Flight>, ChainError> {
        let gas = self.gas_for(call, &flight.order).await?;
        let market = self.market().await?;
        let Some(fees) = flight.fees.raised(market, self.fee_cap()) else {
            return Ok(None);
        };
        debug!(call, nonce = flight.nonce, fee = fees.max, "offering more");
        let raised = Flight {
            fees,
            gas: gas.max(flight.gas),
            ..flight.clone()
        };
        Ok(Some(self.signed(call, raised).await?))
    }
}
