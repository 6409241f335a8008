//! Which origins may be asked: those that the operator lists, at addresses that are public.

use host::Guard;
use reqwest::Url;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an origin isn't asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginRefused {
    #[error(
        "an origin's URL begins with http:// or https://, has no user, no fragment, and at most 4096 characters"
    )]
    Url,
    #[error(
        "{0} is not among the origins that this control plane's operator allows (`origins` in its configuration)"
    )]
    NotListed(String),
    #[error("{0} is no public address: the operator allows such with `private_origins = true`")]
    Private(String),
}

/// The operator's list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowed {
    origins: BTreeSet<String>,
    private: bool,
}

impl Allowed {
    /// Of origins as `https://host` or `http://host:port`; `None` at the first that is none.
    pub(crate) fn new(origins: &[String], private: bool) -> Result<Self, String> {
        let parse = |text: &String| {
            let url = Url::parse(text).ok();
            let url = url.filter(|url| {
                let rest = url.path() == "/" && url.query().is_none() && url.username().is_empty();
                matches!(url.scheme(), "http" | "https") && rest
            });
            let url = url.ok_or_else(|| text.clone())?;
            Ok(url.origin().ascii_serialization())
        };
        let origins: Result<_, String> = origins.iter().map(parse).collect();
        Ok(Self {
            origins: origins?,
            private,
        })
    }

    /// Whether a URL may be asked for.
    pub(crate) fn check(&self, url: &str) -> Result<Url, OriginRefused> {
        let url = Url::parse(url).map_err(|_| OriginRefused::Url)?;
        self.check_url(&url)?;
        Ok(url)
    }

    fn check_url(&self, url: &Url) -> Result<(), OriginRefused> {
        let is_plain =
            url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_plain {
            return Err(OriginRefused::Url);
        }
        let origin = url.origin().ascii_serialization();
        if !self.origins.contains(&origin) {
            return Err(OriginRefused::NotListed(origin));
        }
        // Names are looked at when they are resolved.
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        match literal {
            Ok(ip) if !self.takes(ip) => Err(OriginRefused::Private(origin)),
            _ => Ok(()),
        }
    }

    fn takes(&self, ip: IpAddr) -> bool {
        self.private || is_public(ip)
    }
}

impl Guard for Allowed {
    fn takes_url(&self, url: &Url) -> Result<(), String> {
        self.check_url(url).map_err(|refused| refused.to_string())
    }

    fn takes_address(&self, host: &str, ip: IpAddr) -> Result<(), String> {
        match self.takes(ip) {
            true => Ok(()),
            false => Err(OriginRefused::Private(host.to_owned()).to_string()),
        }
    }
}

/// Whether an address is one of the public internet (RFC 6890 and its registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or(embedded(ip)) {
            Some(inside) => is_public_v4(inside),
            None => is_public_v6(ip),
        },
    }
}

/// The IPv4 address that translators and tunnels take out of an IPv6 one: 64:ff9b::/96 and 2002::/16.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => Some(of(g, h)),
        (0x2002, _) => Some(of(b, c)),
        _ => None,
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

/// Global unicast is 2000::/3; what is set aside in it isn't.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    a & 0xe000 == 0x2000 && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_at_public_addresses_are_asked() {
        let list = [
            "https://media.example".to_owned(),
            "http://10.0.0.1:8080/".to_owned(),
        ];
        let allowed = Allowed::new(&list, false).unwrap();
        assert!(
            allowed
                .check("https://media.example/a/film.mp4?token=x")
                .is_ok()
        );
        assert!(allowed.check("https://media.example:443/a").is_ok());
        for (url, refused) in [
            ("https://media.example:8443/a", "not among"),
            ("http://media.example/a", "not among"),
            ("https://media.example.evil/a", "not among"),
            ("https://user@media.example/a", "begins with"),
            ("https://media.example/a#b", "begins with"),
            ("file:///etc/passwd", "begins with"),
            ("media.example", "begins with"),
            ("http://10.0.0.1:8080/a", "no public address"),
        ] {
            let error = allowed.check(url).unwrap_err().to_string();
            assert!(error.contains(refused), "{url}: {error}");
        }
        let private = Allowed::new(&list, true).unwrap();
        assert!(private.check("http://10.0.0.1:8080/a").is_ok());
        assert!(Allowed::default().check("https://media.example/").is_err());
        for wrong in [
            "media.example",
            "https://media.example/path",
            "ftp://media.example",
        ] {
            assert!(Allowed::new(&[wrong.to_owned()], false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_set_aside_is_not_public() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
