//! Networks, as staff write them, and which addresses are in one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What is written is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not at all.
    #[error("'{}' is no network; write it as 10.1.0.0/16 or 2001:db8::/32", .0.escape_debug())]
    None(String),
    /// An address in it.
    #[error("'{0}' names an address in the network {1}; write the network")]
    NotItsFirst(String, Network),
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether an address is in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let ip = address.to_canonical();
        ip.is_ipv4() == self.first.is_ipv4() && Self { first: ip, bits: self.bits }.base() == self.first
    }

    /// Its first address.
    fn base(self) -> IpAddr {
        match self.first {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4((ip.to_bits() & mask).into())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6((ip.to_bits() & mask).into())
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError::None(text.chars().take(100).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(bad)?
            }
            Some(_) => return Err(bad()),
        };
        let network = Self { first, bits };
        match network.base() == first {
            true => Ok(network),
            false => Err(NetworkError::NotItsFirst(text.into(), Self { first: network.base(), bits })),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_network_is_written_as_people_write_it() {
        for (text, shown) in [
            ("10.1.0.0/16", "10.1.0.0/16"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for text in ["", "/", "10.1/16", "10.1.0.0/33", "10.1.0.0/+8", "10.1.0.0/", "::/129", "10.0.0.0/8/8", "office"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::None(text.into())), "{text}");
        }
        let error = "10.1.2.3/16".parse::<Network>().unwrap_err().to_string();
        assert_eq!(error, "'10.1.2.3/16' names an address in the network 10.1.0.0/16; write the network");
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_networks_that_begin_as_it_does(ip: [u8; 4], other: [u8; 4], bits in 0..=32u8) {
            let ip = IpAddr::from(ip);
            let network = Network { first: Network { first: ip, bits }.base(), bits };
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            prop_assert!(network.holds(ip));
            let other = IpAddr::from(other);
            prop_assert_eq!(network.holds(other), Network { first: other, bits }.base() == network.first);
        }
    }
}
