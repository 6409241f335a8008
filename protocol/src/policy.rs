//! Who may have a collection, and from which nodes: what its owner asks of the control plane.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most viewer-token keys of a collection: enough to replace some while tokens of the old ones are out.
pub const VIEWER_KEYS_MAX: usize = 16;
/// Longest key id, issuer, or name of a capability.
pub const POLICY_NAME_BYTES_MAX: usize = 64;
/// Most capabilities that a collection requires.
pub const REQUIRES_MAX: usize = 16;

/// A collection's rules. Without any, everybody may have it, from every node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Keys of which one must have signed a viewer's token. None: no token is needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub viewer_keys: Vec<ViewerKey>,
    /// Viewers must be in one of these countries, if any is named; one whose country isn't known is in none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_countries: Vec<Country>,
    /// Viewers must not be in one of these; one whose country isn't known isn't.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny_countries: Vec<Country>,
    /// What a node must have to deliver it: names of the operator's zone file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too many keys.
    #[error("a collection has at most {VIEWER_KEYS_MAX} viewer keys")]
    ManyKeys,
    /// Two keys of one name.
    #[error("two viewer keys have the id {0:?}: each needs its own")]
    KeyTwice(String),
    /// Both lists of countries.
    #[error("name the countries that are allowed, or those that are denied, not both")]
    BothLists,
    /// A list with too many or equal members.
    #[error("a country is named twice")]
    CountryTwice,
    /// Too many capabilities, or not a name.
    #[error(
        "a collection requires at most {REQUIRES_MAX} capabilities, each a name of 1 to {POLICY_NAME_BYTES_MAX} bytes, none twice"
    )]
    Requires,
}

/// Why a viewer isn't served where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CountryRefused {
    /// Its country is known.
    #[error("the collection's owner doesn't offer it in {0}")]
    In(Country),
    /// Its country isn't.
    #[error(
        "the collection's owner offers it in some countries only, and where you are isn't known"
    )]
    Unknown,
}

impl Policy {
    /// Whether everybody may have it from every node.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether viewers need a token.
    pub fn needs_token(&self) -> bool {
        !self.viewer_keys.is_empty()
    }

    /// Whether it matters where a viewer is.
    pub fn asks_country(&self) -> bool {
        !(self.allow_countries.is_empty() && self.deny_countries.is_empty())
    }

    /// Whether it is one that can be kept.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.viewer_keys.len() > VIEWER_KEYS_MAX {
            return Err(PolicyError::ManyKeys);
        }
        let ids: Vec<_> = self.viewer_keys.iter().map(|key| &key.kid).collect();
        if let Some(twice) = first_twice(&ids) {
            return Err(PolicyError::KeyTwice(twice.to_string()));
        }
        if !(self.allow_countries.is_empty() || self.deny_countries.is_empty()) {
            return Err(PolicyError::BothLists);
        }
        let countries = [&self.allow_countries, &self.deny_countries];
        if countries.iter().any(|list| first_twice(list).is_some()) {
            return Err(PolicyError::CountryTwice);
        }
        let are_names = self.requires.iter().all(|name| is_name(name));
        if self.requires.len() > REQUIRES_MAX || !are_names || first_twice(&self.requires).is_some()
        {
            return Err(PolicyError::Requires);
        }
        Ok(())
    }

    /// Whether a viewer in this country may have it; `None` if nobody knows where it is.
    ///
    /// # Errors
    /// [`CountryRefused`].
    pub fn check_country(&self, country: Option<[u8; 2]>) -> Result<(), CountryRefused> {
        let Some(country) = country.map(Country) else {
            return match self.allow_countries.is_empty() {
                true => Ok(()),
                false => Err(CountryRefused::Unknown),
            };
        };
        let allowed = self.allow_countries.is_empty() || self.allow_countries.contains(&country);
        match allowed && !self.deny_countries.contains(&country) {
            true => Ok(()),
            false => Err(CountryRefused::In(country)),
        }
    }
}

/// What stands in a list twice. Lists are short.
fn first_twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    let is_twice = |(at, one): &(usize, &T)| list[..*at].contains(one);
    list.iter().enumerate().find(is_twice).map(|(_, one)| one)
}

fn is_name(text: &str) -> bool {
    (1..=POLICY_NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// A country: ISO 3166-1 alpha-2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Country([u8; 2]);

/// All codes that are assigned, and Kosovo's, which databases use.
const COUNTRIES: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ \
UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Not a country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no country's code: two letters of ISO 3166-1, like DE or GB")]
pub struct CountryError(String);

impl FromStr for Country {
    type Err = CountryError;

    /// In either case.
    fn from_str(text: &str) -> Result<Self, CountryError> {
        let code = text.to_ascii_uppercase();
        let error = || CountryError(text.chars().take(8).collect());
        let bytes: [u8; 2] = code.as_bytes().try_into().map_err(|_| error())?;
        match COUNTRIES.split(' ').any(|known| known == code) {
            true => Ok(Self(bytes)),
            false => Err(error()),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;

    fn try_from(text: String) -> Result<Self, CountryError> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.0[0]), char::from(self.0[1]))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key that viewers' tokens are signed by: a JWK (RFC 7517, 8037) that holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Jwk", try_from = "Jwk")]
pub struct ViewerKey {
    /// Its name, as tokens state it (`kid`).
    pub kid: String,
    /// The key; it says by which algorithm, whatever a token says.
    pub point: ViewerPoint,
    /// Who signs by it (`iss`), if it says so; its tokens say the same.
    pub issuer: Option<String>,
}

/// The two kinds of viewer keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewerPoint {
    /// ECDSA over P-256 with SHA-256 (`ES256`).
    P256 {
        /// First coordinate, big-endian.
        x: [u8; 32],
        /// Second coordinate, big-endian.
        y: [u8; 32],
    },
    /// Ed25519 (`EdDSA`).
    Ed25519([u8; 32]),
}

impl ViewerPoint {
    /// The algorithm's name in tokens.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::P256 { .. } => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }
}

/// Why a JWK isn't a viewer key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewerKeyError {
    /// It holds more than is to be published.
    #[error("the JWK holds a private key (\"d\"): give the public one")]
    Private,
    /// Another kind of key.
    #[error("a viewer key is a JWK with kty EC, crv P-256 or with kty OKP, crv Ed25519")]
    Kind,
    /// The algorithm isn't that of the key.
    #[error("the JWK's alg isn't that of its key: ES256 for P-256, EdDSA for Ed25519")]
    Algorithm,
    /// Not for signatures.
    #[error("the JWK's use is not \"sig\"")]
    Use,
    /// A coordinate.
    #[error("the JWK's x and y are 32 bytes each in base64url")]
    Coordinate,
    /// No name, or none to use.
    #[error(
        "the JWK needs a kid of 1 to {POLICY_NAME_BYTES_MAX} bytes, and so long an iss if it has one"
    )]
    Name,
}

/// The JSON of a key (RFC 7517). Other members say nothing to us.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default)]
    kid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Only looked at to refuse it.
    #[serde(default, skip_serializing)]
    d: Option<serde::de::IgnoredAny>,
}

fn coordinate(text: &str) -> Result<[u8; 32], ViewerKeyError> {
    let mut bytes = [0; 32];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
    match length {
        Ok(32) => Ok(bytes),
        _ => Err(ViewerKeyError::Coordinate),
    }
}

impl TryFrom<Jwk> for ViewerKey {
    type Error = ViewerKeyError;

    fn try_from(jwk: Jwk) -> Result<Self, ViewerKeyError> {
        if jwk.d.is_some() {
            return Err(ViewerKeyError::Private);
        }
        let point = match (&*jwk.kty, &*jwk.crv, &jwk.y) {
            ("EC", "P-256", Some(y)) => ViewerPoint::P256 {
                x: coordinate(&jwk.x)?,
                y: coordinate(y)?,
            },
            ("OKP", "Ed25519", None) => ViewerPoint::Ed25519(coordinate(&jwk.x)?),
            _ => return Err(ViewerKeyError::Kind),
        };
        if jwk.alg.is_some_and(|alg| alg != point.algorithm()) {
            return Err(ViewerKeyError::Algorithm);
        }
        if jwk.usage.is_some_and(|usage| usage != "sig") {
            return Err(ViewerKeyError::Use);
        }
        if !is_name(&jwk.kid) || !jwk.iss.as_deref().is_none_or(is_name) {
            return Err(ViewerKeyError::Name);
        }
        Ok(Self {
            kid: jwk.kid,
            point,
            issuer: jwk.iss,
        })
    }
}

impl From<ViewerKey> for Jwk {
    fn from(key: ViewerKey) -> Self {
        let text = |bytes: [u8; 32]| URL_SAFE_NO_PAD.encode(bytes);
        let (kty, crv, x, y) = match key.point {
            ViewerPoint::P256 { x, y } => ("EC", "P-256", text(x), Some(text(y))),
            ViewerPoint::Ed25519(x) => ("OKP", "Ed25519", text(x), None),
        };
        Self {
            kty: kty.into(),
            crv: crv.into(),
            x,
            y,
            kid: key.kid,
            alg: Some(key.point.algorithm().into()),
            usage: Some("sig".into()),
            iss: key.issuer,
            d: None,
        }
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
