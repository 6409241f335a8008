//! How much may be asked for: by the clients of one network, and on one payer's account. DESIGN's answer to clients
//! that sign for deliveries that never were is that tickets are few; here is how few.

use crate::rules::client_network::{PREFIX_V4, PREFIX_V6, first_address};
pub(crate) use crate::rules::promises::PayerQuota;
use crate::rules::rate::{Rate, Rates};
use host::Mutex;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// Networks that are told apart, about 4 MB of them.
const NETWORKS: usize = 1 << 16;
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What clients of one network may ask for. A large network address translator has thousands of viewers behind one
/// address, each of whom takes a few tickets a minute: the defaults let 4,000 of them play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkQuota {
    /// Tickets a second, for long. Default 200.
    pub tickets_per_second: u32,
    /// Tickets at once, by a network that has had none for a while. Default 2000.
    pub tickets_burst: u32,
    /// Bytes an hour that its routes allow; the tickets of one route are for the same bytes and count once.
    /// Default 64 TiB.
    pub bytes_per_hour: u64,
    /// Length of an IPv4 network's prefix, at most 32. Default 24.
    pub prefix_v4: u32,
    /// Length of an IPv6 network's prefix, at most 128. Default 48.
    pub prefix_v6: u32,
    /// Networks without a limit, like those of one's own gateways. Default none.
    pub unlimited: Vec<IpNet>,
}

impl Default for NetworkQuota {
    fn default() -> Self {
        Self {
            tickets_per_second: 200,
            tickets_burst: 2000,
            bytes_per_hour: 64 << 40,
            prefix_v4: PREFIX_V4,
            prefix_v6: PREFIX_V6,
            unlimited: Vec::new(),
        }
    }
}

/// A network has asked for too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("clients of network {network}/{prefix} ask for more {what} than one network may have")]
pub(crate) struct NetworkExceeded {
    network: IpAddr,
    prefix: u32,
    what: &'static str,
    /// Until it may again.
    pub(crate) wait: Duration,
}

/// Counts what networks ask for.
#[derive(Debug)]
pub(crate) struct NetworkQuotas {
    quota: NetworkQuota,
    rates: Mutex<Rates<IpAddr, 2>>,
}

impl NetworkQuotas {
    pub(crate) fn new(quota: NetworkQuota) -> Self {
        let tickets = Rate {
            amount: quota.tickets_per_second.into(),
            per: SECOND,
            burst: quota.tickets_burst.into(),
        };
        let bytes = Rate {
            amount: quota.bytes_per_hour,
            per: HOUR,
            burst: quota.bytes_per_hour,
        };
        Self {
            rates: Mutex::new(Rates::new([tickets, bytes], NETWORKS)),
            quota,
        }
    }

    /// Counts a route of so many tickets for a collection of so many bytes, unless it is too much. `now` is any
    /// monotonic clock's time.
    pub(crate) fn take(
        &self,
        from: IpAddr,
        tickets: usize,
        bytes: u64,
        now: Duration,
    ) -> Result<(), NetworkExceeded> {
        let from = from.to_canonical();
        let unlimited = self.quota.unlimited.iter();
        if unlimited.into_iter().any(|network| network.contains(&from)) {
            return Ok(());
        }
        let network = first_address(from, self.quota.prefix_v4, self.quota.prefix_v6);
        let taken = {
            let mut rates = self.rates.lock();
            rates.take(network, [tickets as u64, bytes], now)
        };
        taken.map_err(|exceeded| NetworkExceeded {
            network,
            prefix: match network {
                IpAddr::V4(_) => self.quota.prefix_v4,
                IpAddr::V6(_) => self.quota.prefix_v6,
            },
            what: match exceeded.rate {
                0 => "tickets",
                _ => "bytes",
            },
            wait: exceeded.wait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(change: impl FnOnce(&mut NetworkQuota)) -> NetworkQuotas {
        let mut quota = NetworkQuota {
            tickets_per_second: 3,
            tickets_burst: 6,
            bytes_per_hour: 3600,
            ..NetworkQuota::default()
        };
        change(&mut quota);
        NetworkQuotas::new(quota)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_that_hammers_waits_and_others_do_not() {
        let quotas = quotas(|_| {});
        let now = Duration::from_secs(9);
        let take = |from: &str, bytes| quotas.take(address(from), 3, bytes, now);
        assert_eq!(take("192.0.2.1", 0), Ok(()));
        assert_eq!(take("::ffff:192.0.2.77", 0), Ok(()), "the same network");
        let refused = take("192.0.2.200", 0).unwrap_err();
        assert_eq!(refused.wait, SECOND);
        assert_eq!(
            refused.to_string(),
            "clients of network 192.0.2.0/24 ask for more tickets than one network may have"
        );
        assert_eq!(take("192.0.3.1", 3600), Ok(()));
        let refused = take("192.0.3.2", 60).unwrap_err();
        assert_eq!(refused.wait, Duration::from_secs(60));
        assert!(refused.to_string().contains("more bytes"), "{refused}");
        assert_eq!(take("2001:db8:1:2::1", 0), Ok(()));
        assert_eq!(take("2001:db8:1:3::1", 0), Ok(()));
        let refused = take("2001:db8:1:4::1", 0).unwrap_err();
        assert!(refused.to_string().contains("2001:db8:1::/48"), "{refused}");
        assert_eq!(take("2001:db8:2::1", 0), Ok(()));
    }

    #[test]
    fn prefixes_and_exceptions_are_the_operators() {
        let quotas = quotas(|quota| {
            quota.prefix_v4 = 32;
            quota.prefix_v6 = 0;
            quota.unlimited = vec!["203.0.113.0/24".parse().unwrap()];
        });
        let take = |from: &str| quotas.take(address(from), 6, 0, SECOND);
        assert_eq!(take("192.0.2.1"), Ok(()));
        assert_eq!(take("192.0.2.2"), Ok(()));
        assert!(take("192.0.2.1").is_err());
        assert_eq!(take("2001:db8::1"), Ok(()));
        assert!(take("fd00::1").is_err(), "all of IPv6 is one network");
        for _ in 0..10 {
            assert_eq!(take("203.0.113.9"), Ok(()));
        }
    }
}
