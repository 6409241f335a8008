//! Whether a fill grant lets another node fill from here.

use crate::rules::refusal::CloseRefusal;
use crate::rules::tickets::Identity;
use protocol::{
    Code, FillGrant, IssuerKey, Signature, SignedFillGrant, Tag, UnixMillis, VerifiedFillGrant,
    exporter_binding, verify,
};

/// How far clocks may be apart.
const SKEW_MS: u64 = 30_000;

/// What is seen without any key: whether the grant is for this node.
pub(crate) fn is_for(me: &Identity, grant: &FillGrant) -> Result<(), CloseRefusal> {
    if grant.network != me.network {
        let why = "the fill grant is of another network";
        return Err(CloseRefusal::new(Code::WrongNetwork, why));
    }
    if grant.source != me.node {
        let why = "the fill grant names another node";
        return Err(CloseRefusal::new(Code::WrongNode, why));
    }
    Ok(())
}

/// Checks the issuer's signature, the grant's time, and that the node of the connection is the one it names.
///
/// `issuer` is the key of the epoch in which it was granted, `exporter` the connection's TLS exporter.
pub(crate) fn check(
    signed: &SignedFillGrant,
    issuer: Option<IssuerKey>,
    now: UnixMillis,
    exporter: &[u8; 32],
    binding: &Signature,
) -> Result<VerifiedFillGrant, CloseRefusal> {
    let Some(issuer) = issuer else {
        let why = format!("issuer {} is not on the chain", signed.peek().issuer);
        return Err(CloseRefusal::new(Code::UnknownIssuer, why));
    };
    let grant = signed
        .verify(&issuer, now, SKEW_MS)
        .map_err(|error| CloseRefusal::new(Code::BadGrant, error.to_string()))?;
    let body = exporter_binding(&grant.digest(), exporter);
    let filler = grant.grant().filler;
    verify(filler.as_bytes(), Tag::Binding, &body, binding).map_err(|_| {
        let why = "the binding is not that of the node that the grant names";
        CloseRefusal::new(Code::BadBinding, why)
    })?;
    Ok(grant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{issuer, issuer_key, me, unsigned};
    use protocol::{NodeId, SigningKey, sign};

    const EXPORTER: [u8; 32] = [7; 32];

    fn filler() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn grant() -> FillGrant {
        FillGrant {
            network: me().network,
            issuer: 0,
            source: me().node,
            filler: NodeId::from(filler().verifying_key().to_bytes()),
            collection: unsigned().collection,
            issued_at: 100_000,
            expires_at: 160_000,
        }
    }

    fn checked(
        issuer_known: Option<IssuerKey>,
        signer: &SigningKey,
        now: UnixMillis,
        by: &SigningKey,
    ) -> Option<Code> {
        let body = exporter_binding(&grant().digest(), &EXPORTER);
        let binding = sign(by, Tag::Binding, &body);
        let signed = grant().sign(signer);
        let outcome = check(&signed, issuer_known, now, &EXPORTER, &binding);
        outcome.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_grant_is_for_one_node_of_one_network() {
        assert_eq!(is_for(&me(), &grant()), Ok(()));
        let mut other = me();
        other.network.chain_id = 2;
        assert_eq!(
            is_for(&other, &grant()).map_err(|no| no.code),
            Err(Code::WrongNetwork)
        );
        let mut other = me();
        other.node = NodeId::from([9; 32]);
        assert_eq!(
            is_for(&other, &grant()).map_err(|no| no.code),
            Err(Code::WrongNode)
        );
    }

    #[test]
    fn only_its_filler_fills_and_only_in_its_time() {
        let key = Some(issuer_key());
        let stranger = SigningKey::from_bytes(&[9; 32]);
        let now = 130_000;
        assert_eq!(checked(key, &issuer(), now, &filler()), None);
        assert_eq!(
            checked(None, &issuer(), now, &filler()),
            Some(Code::UnknownIssuer)
        );
        assert_eq!(
            checked(key, &stranger, now, &filler()),
            Some(Code::BadGrant)
        );
        assert_eq!(
            checked(key, &issuer(), now, &stranger),
            Some(Code::BadBinding)
        );
        // Clocks may be half a minute apart.
        for (at, good) in [
            (69_999, false),
            (70_000, true),
            (190_000, true),
            (190_001, false),
        ] {
            let outcome = checked(key, &issuer(), at, &filler());
            assert_eq!(outcome, (!good).then_some(Code::BadGrant), "at {at}");
        }
    }
}
