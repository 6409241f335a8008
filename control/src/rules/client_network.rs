//! The network an address is in: what one household or office has, so that many addresses aren't many
//! witnesses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const PREFIX_V4: u32 = 24;
pub(crate) const PREFIX_V6: u32 = 48;

/// The /24 or /48 that an address is in, named by its first address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// Length of its prefix.
    pub(crate) fn prefix(self) -> u8 {
        let prefix = if self.0.is_ipv4() {
            PREFIX_V4
        } else {
            PREFIX_V6
        };
        prefix as u8
    }
}

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(first_address(address, PREFIX_V4, PREFIX_V6))
    }
}

/// The first address of the network of that prefix length that an address is in; an IPv4 address in an IPv6 one is
/// an IPv4 address.
pub(crate) fn first_address(address: IpAddr, prefix_v4: u32, prefix_v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix_v4).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix_v6).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_network() {
        let network = |text: &str| ClientNetwork::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("192.0.2.1"), network("192.0.2.200"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.9"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1:2::3"), network("2001:db8:1:ffff::"));
        assert_ne!(network("2001:db8:1::"), network("2001:db8:2::"));
        let prefixes = (
            network("192.0.2.1").prefix(),
            network("2001:db8::").prefix(),
        );
        assert_eq!(prefixes, (PREFIX_V4 as u8, PREFIX_V6 as u8));
    }
}
