//! Which policies can be kept to here, and whether a viewer's country is among those that may have a collection.

use protocol::{CountryRefused, Policy, PolicyError};

/// Why a collection can't have a policy here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyRefused {
    #[error(transparent)]
    Form(#[from] PolicyError),
    #[error(
        "no node in the zone file has the capability {0:?}: the operator lists them under `nodes`"
    )]
    Capability(String),
    #[error(
        "this control plane doesn't know where viewers are: its operator sets `location_file` first"
    )]
    NoLocations,
}

/// Whether a policy can be kept to, where it can be known in which country viewers are, or can't; `lacks` is the first
/// capability required that no node has.
pub(crate) fn check_policy(
    policy: &Policy,
    has_locations: bool,
    lacks: Option<&str>,
) -> Result<(), PolicyRefused> {
    policy.check()?;
    if policy.asks_country() && !has_locations {
        return Err(PolicyRefused::NoLocations);
    }
    match lacks {
        Some(unknown) => Err(PolicyRefused::Capability(unknown.to_owned())),
        None => Ok(()),
    }
}

/// Whether viewers in a country, if it is known, may have what has that policy.
pub(crate) fn check_country(
    policy: &Policy,
    has_locations: bool,
    country: Option<[u8; 2]>,
) -> Result<(), CountryRefused> {
    if !policy.asks_country() {
        return Ok(());
    }
    // A list of denied countries would let everybody in where no country is known.
    if !has_locations {
        return Err(CountryRefused::Unknown);
    }
    policy.check_country(country)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::Country;

    const DE: [u8; 2] = *b"DE";
    const FR: [u8; 2] = *b"FR";

    fn country(code: [u8; 2]) -> Country {
        str::from_utf8(&code).unwrap().parse().unwrap()
    }

    fn policy(allowed: &[[u8; 2]], denied: &[[u8; 2]]) -> Policy {
        let countries = |list: &[[u8; 2]]| list.iter().copied().map(country).collect();
        Policy {
            allow_countries: countries(allowed),
            deny_countries: countries(denied),
            ..Policy::default()
        }
    }

    #[test]
    fn a_policy_asks_for_nothing_that_isn_t_known_here() {
        let twice = policy(&[DE, DE], &[]);
        let form = twice.check().unwrap_err();
        let capability = PolicyRefused::Capability("4k".into());
        for (policy, has_locations, lacks, expected) in [
            (policy(&[], &[]), false, None, Ok(())),
            (policy(&[], &[]), false, Some("4k"), Err(capability)),
            (policy(&[DE], &[]), true, None, Ok(())),
            (
                policy(&[DE], &[]),
                false,
                None,
                Err(PolicyRefused::NoLocations),
            ),
            (
                policy(&[], &[DE]),
                false,
                Some("4k"),
                Err(PolicyRefused::NoLocations),
            ),
            (twice, true, None, Err(form.into())),
        ] {
            assert_eq!(check_policy(&policy, has_locations, lacks), expected);
        }
    }

    #[test]
    fn viewers_are_let_in_by_their_country_if_it_is_asked_for() {
        use CountryRefused::{In, Unknown};
        for (allowed, denied, has_locations, found, expected) in [
            (&[][..], &[][..], false, None, Ok(())),
            (&[DE][..], &[][..], true, Some(DE), Ok(())),
            (&[DE], &[], true, Some(FR), Err(In(country(FR)))),
            (&[DE], &[], true, None, Err(Unknown)),
            (&[DE], &[], false, Some(DE), Err(Unknown)),
            (&[], &[FR], true, Some(FR), Err(In(country(FR)))),
            (&[], &[FR], true, None, Ok(())),
            (&[], &[FR], false, None, Err(Unknown)),
        ] {
            let checked = check_country(&policy(allowed, denied), has_locations, found);
            assert_eq!(checked, expected, "{allowed:?} {denied:?} {found:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_let_in_from_a_denied_country(denied: bool, has_locations: bool, other: [u8; 2]) {
            let policy = policy(&[], if denied { &[DE] } else { &[FR] });
            let checked = check_country(&policy, has_locations, Some(DE));
            prop_assert_eq!(checked.is_ok(), has_locations && !denied);
            let open = check_country(&Policy::default(), has_locations, Some(other));
            prop_assert!(open.is_ok());
        }
    }
}
