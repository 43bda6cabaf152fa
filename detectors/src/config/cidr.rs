//! Networks.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
}

impl Cidr {
    /// Whether the address lies in the network. IPv4 and its IPv6-mapped form are the same.
    pub fn contains(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.network
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || {
            format!(
                "`{text}` is no network; write an address and a prefix length, such as \"198.51.100.0/24\" or \"2001:db8::/32\""
            )
        };
        let (address, length) = text.split_once('/').ok_or_else(error)?;
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let length: u32 = length.parse().map_err(|_| error())?;
        let (most, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        if length > most {
            return Err(error());
        }
        let mask = u128::MAX.checked_shl(128 - offset - length).unwrap_or(0);
        Ok(Self {
            network: bits(address) & mask,
            mask,
        })
    }
}

impl fmt::Display for Cidr {
    /// The network, with the bits behind the prefix cleared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.mask.leading_ones();
        let address = Ipv6Addr::from_bits(self.network);
        match address.to_ipv4_mapped() {
            Some(v4) if length >= 96 => write!(f, "{v4}/{}", length - 96),
            _ => write!(f, "{address}/{length}"),
        }
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Cidr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network, such as \"198.51.100.0/24\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Cidr, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Cidr {
        text.parse().expect("a network")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let office = network("198.51.100.128/25");
        assert!(office.contains(address("198.51.100.255")));
        assert!(office.contains(address("::ffff:198.51.100.128")));
        assert!(!office.contains(address("198.51.100.127")));
        assert!(!office.contains(address("2001:db8::1")));

        let site = network("2001:db8::/32");
        assert!(site.contains(address("2001:db8:ffff::1")));
        assert!(!site.contains(address("2001:db9::")));
        assert!(!site.contains(address("198.51.100.128")));
    }

    #[test]
    fn the_whole_internet_and_a_single_address_are_networks() {
        assert!(network("0.0.0.0/0").contains(address("203.0.113.9")));
        assert!(!network("0.0.0.0/0").contains(address("2001:db8::1")));
        assert!(network("::/0").contains(address("2001:db8::1")));
        assert!(network("203.0.113.9/32").contains(address("203.0.113.9")));
        assert!(!network("203.0.113.9/32").contains(address("203.0.113.8")));
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in [
            "198.51.100.0/24",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "203.0.113.9/32",
        ] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("198.51.100.77/24").to_string(), "198.51.100.0/24");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "198.51.100.0",
            "198.51.100.0/33",
            "198.51.100.0/-1",
            "198.51.100/24",
            "2001:db8::/129",
            "office/24",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
