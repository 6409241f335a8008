//! A contract's refusals, with what to do about them.

use crate::evidence::span;
use anyhow::{Result, anyhow};
use contracts::{Chain, ChainError, Revert};

/// What came of a call; of a refusal whose remedy is known, with that.
pub(crate) async fn advised<T>(chain: &Chain, outcome: Result<T, ChainError>) -> Result<T> {
    let error = match outcome {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let ChainError::Reverted { call, revert } = &error else {
        return Err(error.into());
    };
    // Without the time, what is to be waited for is told without how long.
    let now = chain.now().await.unwrap_or_default();
    match advice(call, revert, now) {
        Some(advice) => Err(anyhow!("{error}: {advice}")),
        None => Err(error.into()),
    }
}

/// What to do about a refusal at that time.
fn advice(call: &str, revert: &Revert, now: u64) -> Option<String> {
    let value = |name: &str| {
        let found = revert.values.iter().find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let until = |name: &str| -> u64 { value(name).parse().unwrap_or_default() };
    let wait = |name: &str| {
        format!(
            "run this again in {}",
            span(until(name).saturating_sub(now))
        )
    };
    Some(match revert.name.as_str() {
        "OwnableUnauthorizedAccount" if call == "acceptOwnership" => {
            "only the account that the owner named can accept; `contracts show` has it".into()
        }
        "OwnableUnauthorizedAccount" => {
            "only the network's owner may; `contracts show` has its account".into()
        }
        "NotVerifier" => {
            "the account is no verifier; the owner admits one with `contracts add-verifier`".into()
        }
        "AlreadyVerifier" => "the account may attest already".into(),
        "ChangeNotDue" if until("effectiveAt") == 0 => "announce the change first".into(),
        "ChangeNotDue" => wait("effectiveAt"),
        "VersionOutOfOrder" => format!(
            "parameters are scheduled already from epoch {} on; take a later one",
            value("newest")
        ),
        "VersionTooSoon" => {
            "the notice is too short; take a later epoch, or leave --from-epoch out".into()
        }
        "PriceTooHigh" | "SlaFloorTooHigh" => "give less".into(),
        "EpochBegun" => "take an epoch that hasn't begun".into(),
        "NotCommitter" => {
            "only the issuer's committer may; `contracts show` has its account".into()
        }
        "UnknownIssuer" => format!("there are {} issuers, counted from 0", value("count")),
        "Unbonding" => format!(
            "it is announced already, and can be withdrawn in {}",
            span(until("unbondedAt").saturating_sub(now))
        ),
        "BondLocked" if until("unbondedAt") == 0 => "announce it first: `contracts unbond`, or \
             `contracts unbond-issuer` for an issuer's bond"
            .into(),
        "BondLocked" => wait("unbondedAt"),
        "NoBounty" => "nothing is credited to this account, or it has it already".into(),
        "ERC20InsufficientBalance" => format!(
            "the account has {} token units and needs {}",
            value("balance"),
            value("needed")
        ),
        "NotOperator" => "only the account that registered the node may".into(),
        "AlreadyExiting" => format!(
            "it is leaving already; its stake can be withdrawn in {}",
            span(until("exitAt").saturating_sub(now))
        ),
        "StakeLocked" if until("exitAt") == 0 => "announce it first: `node exit`".into(),
        "StakeLocked" => wait("exitAt"),
        "AlreadyAnnounced" => {
            "withdraw what is announced first: run this without --announce".into()
        }
        "NothingAnnounced" => "announce a withdrawal first, with --announce UNITS".into(),
        "AnnouncedLater" => {
            "an epoch that ends after the announcement has to be past its challenge window first"
                .into()
        }
        "DepositTooSmall" => format!("the deposit is {} token units", value("deposit")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revert(name: &str, values: &[(&str, &str)]) -> Revert {
        let values = values.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        Revert {
            name: name.into(),
            values: values.collect(),
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let due = revert("BondLocked", &[("unbondedAt", "1060")]);
        let said = advice("withdrawBond", &due, 1000);
        assert_eq!(said.as_deref(), Some("run this again in 60 s"));
        let never = revert("BondLocked", &[("unbondedAt", "0")]);
        let said = advice("withdrawBond", &never, 1000).unwrap_or_default();
        assert!(said.contains("contracts unbond"), "{said}");
        assert_eq!(advice("attest", &revert("BadQuorum", &[]), 0), None);
    }
}
