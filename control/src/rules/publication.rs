//! What may be published, changed and unpublished, by whom and at whose cost.

use protocol::api::Package;
use protocol::{Address, Entry, Manifest};
use std::collections::BTreeSet;

/// Missing contents that a refusal names.
const MISSING_NAMED_MAX: usize = 5;

/// Who asks, as far as that decides what is whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Operator,
    Owner(Address),
    /// Whoever may only look.
    Reader,
}

impl Asker {
    /// Whether what an account pays for may be touched.
    pub(crate) fn may_touch(self, payer: Address) -> bool {
        match self {
            Self::Operator => true,
            Self::Owner(account) => account == payer,
            Self::Reader => false,
        }
    }

    /// The owner's account; none for who has none.
    pub(crate) fn account(self) -> Option<Address> {
        match self {
            Self::Owner(account) => Some(account),
            Self::Operator | Self::Reader => None,
        }
    }
}

/// Why something isn't published, changed or unpublished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PublicationRefused {
    #[error("a collection is one package of a format at most")]
    Kind,
    #[error(
        "the manifest says that {:?} has {} bytes; content {} has {size}",
        .entry.path, .entry.size, .entry.content
    )]
    Size { entry: Entry, size: u64 },
    #[error("upload these contents first: {}", named(.first, *.more))]
    Missing { first: Vec<Entry>, more: usize },
    #[error("token {token:?} can't have account {payer} pay")]
    Payer { token: String, payer: Address },
    #[error("the name {0:?} is another owner's")]
    Another(String),
    #[error("it is sealed with a key that wasn't made here for this name: publish it anew")]
    SealKey,
    #[error("nothing is published under the name {0:?}")]
    Nothing(String),
}

fn named(first: &[Entry], more: usize) -> String {
    let named = first.iter();
    let named: Vec<_> = named
        .map(|entry| format!("{} ({:?})", entry.content, entry.path))
        .collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Whether every content is as long as the manifest says: tickets are limited by these sizes. `size_of` says how long
/// one is that the asker may publish.
pub(crate) fn check_contents(
    manifest: &Manifest,
    size_of: impl Fn(&Entry) -> Option<u64>,
) -> Result<(), PublicationRefused> {
    let mut seen = BTreeSet::new();
    let (mut first, mut more) = (Vec::new(), 0);
    for entry in manifest.entries() {
        if !seen.insert((entry.content, entry.size)) {
            continue;
        }
        match size_of(entry) {
            Some(size) if size == entry.size => {}
            Some(size) => {
                let entry = entry.clone();
                return Err(PublicationRefused::Size { entry, size });
            }
            None if first.len() < MISSING_NAMED_MAX => first.push(entry.clone()),
            None => more += 1,
        }
    }
    match first.is_empty() {
        true => Ok(()),
        false => Err(PublicationRefused::Missing { first, more }),
    }
}

/// A player picks one package of a format, so there must not be two.
pub(crate) fn check_kind(kind: &[Package]) -> Result<(), PublicationRefused> {
    let formats: BTreeSet<_> = kind.iter().map(|package| package.format).collect();
    match formats.len() == kind.len() {
        true => Ok(()),
        false => Err(PublicationRefused::Kind),
    }
}

/// Who pays: whom the request names, else the owner itself, else the operator's account. `token` is the asker's.
pub(crate) fn payer(
    asker: Asker,
    token: &str,
    named: Option<Address>,
    operators: Address,
) -> Result<Address, PublicationRefused> {
    let payer = named.or(asker.account()).unwrap_or(operators);
    match asker.may_touch(payer) {
        true => Ok(payer),
        false => Err(PublicationRefused::Payer {
            token: token.to_owned(),
            payer,
        }),
    }
}

/// Whether a name may be published under; `current` pays for what stands there. Gives the account whose seal keys may
/// be used, none for those of anybody: of a name that is published its payer decides.
pub(crate) fn take_name(
    asker: Asker,
    name: &str,
    current: Option<Address>,
) -> Result<Option<Address>, PublicationRefused> {
    match current {
        Some(payer) if asker.may_touch(payer) => Ok(None),
        Some(_) => Err(PublicationRefused::Another(name.to_owned())),
        None => Ok(asker.account()),
    }
}

/// Whether what stands under a name may be changed or taken out.
pub(crate) fn change_name(
    asker: Asker,
    name: &str,
    current: Option<Address>,
) -> Result<(), PublicationRefused> {
    match current {
        Some(payer) if asker.may_touch(payer) => Ok(()),
        Some(_) => Err(PublicationRefused::Another(name.to_owned())),
        None => {
            let shown = name.chars().take(80).collect();
            Err(PublicationRefused::Nothing(shown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::ContentHash;
    use protocol::api::PackageFormat;

    const STUDIO: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);
    const ASKERS: [Asker; 4] = [
        Asker::Operator,
        Asker::Owner(STUDIO),
        Asker::Owner(OTHER),
        Asker::Reader,
    ];

    fn entry(number: u8, size: u64) -> Entry {
        Entry {
            path: format!("{number}.ts"),
            content: ContentHash::from([number; 32]),
            size,
            media_type: "video/mp2t".into(),
        }
    }

    fn manifest(sizes: &[u64]) -> Manifest {
        let entries = (0..).zip(sizes).map(|(number, size)| entry(number, *size));
        Manifest::new(entries.collect()).unwrap()
    }

    fn whose(payer: Address) -> [bool; 4] {
        ASKERS.map(|asker| asker.may_touch(payer))
    }

    #[test]
    fn owners_touch_what_they_pay_for_operators_all_and_readers_nothing() {
        assert_eq!(whose(STUDIO), [true, true, false, false]);
        assert_eq!(whose(OTHER), [true, false, true, false]);
        let accounts = ASKERS.map(Asker::account);
        assert_eq!(accounts, [None, Some(STUDIO), Some(OTHER), None]);
    }

    #[test]
    fn who_pays_is_named_or_the_owner_or_the_operator() {
        let ops = Address::repeat_byte(9);
        let refused = |payer| {
            Err(PublicationRefused::Payer {
                token: "t".into(),
                payer,
            })
        };
        for (asker, named, expected) in [
            (Asker::Operator, None, Ok(ops)),
            (Asker::Operator, Some(STUDIO), Ok(STUDIO)),
            (Asker::Owner(STUDIO), None, Ok(STUDIO)),
            (Asker::Owner(STUDIO), Some(STUDIO), Ok(STUDIO)),
            (Asker::Owner(STUDIO), Some(OTHER), refused(OTHER)),
            (Asker::Owner(STUDIO), Some(ops), refused(ops)),
            (Asker::Reader, None, refused(ops)),
        ] {
            let payer = payer(asker, "t", named, ops);
            assert_eq!(payer, expected, "{asker:?} {named:?}");
        }
    }

    #[test]
    fn a_content_under_two_paths_is_looked_up_once_and_missed_once() {
        let twice = ["a.ts", "b.ts"].map(|path| Entry {
            path: path.into(),
            ..entry(1, 10)
        });
        let manifest = Manifest::new(twice.to_vec()).unwrap();
        let looks = std::cell::Cell::new(0);
        let missing = check_contents(&manifest, |_| {
            looks.set(looks.get() + 1);
            None
        });
        let refused = PublicationRefused::Missing {
            first: vec![twice[0].clone()],
            more: 0,
        };
        assert_eq!((missing, looks.get()), (Err(refused), 1));
    }

    #[test]
    fn a_name_is_its_payer_s_or_free() {
        let another = || PublicationRefused::Another("film".into());
        let nothing = || PublicationRefused::Nothing("film".into());
        for (asker, current, taken, changed) in [
            (Asker::Operator, None, Ok(None), Err(nothing())),
            (Asker::Operator, Some(STUDIO), Ok(None), Ok(())),
            (Asker::Owner(STUDIO), None, Ok(Some(STUDIO)), Err(nothing())),
            (Asker::Owner(STUDIO), Some(STUDIO), Ok(None), Ok(())),
            (
                Asker::Owner(STUDIO),
                Some(OTHER),
                Err(another()),
                Err(another()),
            ),
            (Asker::Reader, Some(OTHER), Err(another()), Err(another())),
        ] {
            assert_eq!(take_name(asker, "film", current), taken, "{asker:?}");
            assert_eq!(change_name(asker, "film", current), changed, "{asker:?}");
        }
    }

    #[test]
    fn a_refusal_repeats_no_more_of_a_name_than_people_can_read() {
        let long = "n".repeat(10_000);
        let refused = change_name(Asker::Operator, &long, None).unwrap_err();
        assert!(refused.to_string().len() < 200);
    }

    #[test]
    fn one_package_of_a_format() {
        let package = |format| Package {
            format,
            renditions: 1,
            segments: 1,
        };
        let (hls, dash) = (package(PackageFormat::Hls), package(PackageFormat::Dash));
        for (kind, expected) in [
            (vec![], Ok(())),
            (vec![hls], Ok(())),
            (vec![hls, dash], Ok(())),
            (vec![hls, hls], Err(PublicationRefused::Kind)),
        ] {
            assert_eq!(check_kind(&kind), expected);
        }
    }

    #[test]
    fn contents_are_here_and_as_long_as_stated() {
        let manifest = manifest(&[1, 2, 3]);
        assert_eq!(check_contents(&manifest, |entry| Some(entry.size)), Ok(()));
        let longer = check_contents(&manifest, |entry| Some(entry.size.max(2)));
        let expected = PublicationRefused::Size {
            entry: entry(0, 1),
            size: 2,
        };
        assert_eq!(longer, Err(expected));
        let missing = check_contents(&manifest, |entry| (entry.size != 2).then_some(entry.size));
        let expected = PublicationRefused::Missing {
            first: vec![entry(1, 2)],
            more: 0,
        };
        assert_eq!(missing, Err(expected));
    }

    #[test]
    fn what_is_missing_is_named_up_to_a_few_and_else_counted() {
        let refused = check_contents(&manifest(&[1; 12]), |_| None).unwrap_err();
        let text = refused.to_string();
        assert_eq!(text.matches(".ts").count(), MISSING_NAMED_MAX, "{text}");
        assert!(text.ends_with(" and 7 more"), "{text}");
        let few = check_contents(&manifest(&[1; 2]), |_| None).unwrap_err();
        assert!(!few.to_string().contains("more"), "{few}");
    }

    proptest! {
        #[test]
        fn it_is_published_exactly_if_each_size_is_known_and_right(
            known in prop::collection::vec(prop::option::of(0u64..3), 1..20),
        ) {
            let manifest = manifest(&vec![1; known.len()]);
            let size_of = |entry: &Entry| known[usize::from(entry.content.as_bytes()[0])];
            let checked = check_contents(&manifest, size_of);
            let all_right = known.iter().all(|size| *size == Some(1));
            prop_assert_eq!(checked.is_ok(), all_right);
        }

        #[test]
        fn nobody_touches_a_name_by_publishing_that_it_may_not_change(number in 0usize..4, payer: u8) {
            let (asker, payer) = (ASKERS[number], Address::repeat_byte(payer % 4));
            let may = change_name(asker, "film", Some(payer)).is_ok();
            prop_assert_eq!(take_name(asker, "film", Some(payer)).is_ok(), may);
        }
    }
}
