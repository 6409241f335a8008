//! What a packet asks, read from a stranger's bytes. Only what is needed is read: header, question, and of
//! the other records the OPT one; what the others hold is passed over unread.

use hickory_proto::op::{Header, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 12;
/// Records that a query may carry besides its question: OPT, and what others use to sign theirs.
const RECORDS_MAX: u32 = 8;
/// EDNS option of RFC 7871.
pub const CLIENT_SUBNET: u16 = 8;

const FAMILY_NONE: u16 = 0;
const FAMILY_V4: u16 = 1;
const FAMILY_V6: u16 = 2;

/// A question, and what came with it.
#[derive(Debug)]
pub struct Asked {
    /// Repeated in the answer.
    pub id: u16,
    /// The RD bit.
    pub recursion_desired: bool,
    /// The CD bit.
    pub checking_disabled: bool,
    /// The one question.
    pub question: Query,
    /// What its OPT record says; `None` without one.
    pub edns: Option<Asker>,
    /// What is wrong with the rest of it.
    pub fault: Option<ResponseCode>,
}

/// What EDNS says of who asks.
#[derive(Debug)]
pub struct Asker {
    /// Longest answer over UDP that it takes, in bytes.
    pub payload: u16,
    /// The DO bit.
    pub dnssec_ok: bool,
    /// Of the client that a resolver asks for.
    pub subnet: Option<Subnet>,
}

/// EDNS Client Subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    family: u16,
    /// Length of the prefix that was given, in bits.
    pub source: u8,
    octets: Vec<u8>,
    /// Its first address; none if the resolver keeps it to itself.
    pub address: Option<IpAddr>,
}

/// Packets that hold no question.
#[derive(Debug, PartialEq, Eq)]
pub enum Unasked {
    /// Nothing to answer to; and whoever answers answers gets loops.
    Silence,
    /// These twelve bytes.
    Answer([u8; HEADER_BYTES]),
}

/// A header that says no more than a code; of the packet it repeats id, opcode and the recursion bit.
pub fn bare(packet: &[u8; HEADER_BYTES], code: ResponseCode) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..2].copy_from_slice(&packet[..2]);
    header[2] = 0x80 | (packet[2] & 0b0111_1001);
    header[3] = code.low();
    header
}

impl Asked {
    /// Reads a packet, of any length.
    ///
    /// # Errors
    /// If it holds no question that can be answered, with what is to be sent back.
    pub fn read(packet: &[u8]) -> Result<Self, Unasked> {
        let head = packet.first_chunk().ok_or(Unasked::Silence)?;
        let refuse = |code| Unasked::Answer(bare(head, code));
        let malformed = |_| refuse(ResponseCode::FormErr);
        let mut decoder = BinDecoder::new(packet);
        let header = Header::read(&mut decoder).map_err(|_| Unasked::Silence)?;
        if header.metadata.message_type == MessageType::Response {
            return Err(Unasked::Silence);
        }
        if (head[2] >> 3) & 0b1111 != 0 {
            return Err(refuse(ResponseCode::NotImp));
        }
        // RFC 9619: one question a query.
        if header.counts.queries != 1 {
            return Err(refuse(ResponseCode::FormErr));
        }
        let question = Query::read(&mut decoder).map_err(malformed)?;
        let mut asked = Self {
            id: header.metadata.id,
            recursion_desired: header.metadata.recursion_desired,
            checking_disabled: header.metadata.checking_disabled,
            question,
            edns: None,
            fault: None,
        };
        let counts = header.counts;
        let [answers, authorities, additionals] =
            [counts.answers, counts.authorities, counts.additionals].map(u32::from);
        let before = answers + authorities;
        if before + additionals > RECORDS_MAX {
            return Err(refuse(ResponseCode::FormErr));
        }
        for number in 0..before + additionals {
            let additional = number >= before;
            let read = asked.read_record(&mut decoder, additional);
            read.ok_or_else(|| refuse(ResponseCode::FormErr))?;
        }
        if !decoder.is_empty() {
            return Err(refuse(ResponseCode::FormErr));
        }
        Ok(asked)
    }

    fn read_record(&mut self, decoder: &mut BinDecoder<'_>, additional: bool) -> Option<()> {
        let name = Name::read(decoder).ok()?;
        let mut number = || decoder.read_u16().ok().map(|read| read.unverified());
        let (kind, class) = (number()?, number()?);
        let (high, low, length) = (number()?, number()?, number()?);
        let data = decoder.read_slice(usize::from(length)).ok()?.unverified();
        if kind != u16::from(RecordType::OPT) {
            return Some(());
        }
        if !additional || !name.is_root() || self.edns.is_some() {
            return None;
        }
        let version = high as u8;
        let mut asker = Asker {
            payload: class,
            dnssec_ok: low & 0x8000 != 0,
            subnet: None,
        };
        if version != 0 {
            // What options mean in it nobody knows.
            self.fault = Some(ResponseCode::BADVERS);
        } else {
            match read_options(data) {
                Some(subnet) => asker.subnet = subnet,
                None => self.fault = Some(ResponseCode::FormErr),
            }
        }
        self.edns = Some(asker);
        Some(())
    }
}

/// The client's subnet, if it is among the options; `None` if they are malformed.
fn read_options(mut data: &[u8]) -> Option<Option<Subnet>> {
    let mut subnet = None;
    while !data.is_empty() {
        let (head, rest) = data.split_first_chunk::<4>()?;
        let [code, length] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let (value, rest) = rest.split_at_checked(usize::from(length))?;
        if code == CLIENT_SUBNET {
            if subnet.is_some() {
                return None;
            }
            subnet = Some(Subnet::read(value)?);
        }
        data = rest;
    }
    Some(subnet)
}

impl Subnet {
    /// `None` if it isn't as RFC 7871, section 6, has it: the scope zero in queries, as many octets as the
    /// prefix needs, and no bit beyond it.
    fn read(value: &[u8]) -> Option<Self> {
        let (&[family_high, family_low, source, scope], octets) = value.split_first_chunk()?;
        let family = u16::from_be_bytes([family_high, family_low]);
        let most = match family {
            FAMILY_NONE => 0,
            FAMILY_V4 => 32,
            FAMILY_V6 => 128,
            _ => return None,
        };
        if scope != 0 || source > most || octets.len() != usize::from(source.div_ceil(8)) {
            return None;
        }
        let beyond = match source % 8 {
            0 => 0,
            used => u8::MAX >> used,
        };
        if octets.last().is_some_and(|last| last & beyond != 0) {
            return None;
        }
        let mut whole = [0; 16];
        whole[..octets.len()].copy_from_slice(octets);
        let v4: [u8; 4] = *whole.first_chunk().expect("sixteen are more than four");
        let address = match family {
            _ if source == 0 => None,
            FAMILY_V4 => Some(Ipv4Addr::from(v4).into()),
            _ => Some(IpAddr::from(Ipv6Addr::from(whole))),
        };
        Some(Self {
            family,
            source,
            octets: octets.to_vec(),
            address,
        })
    }

    /// As it goes back, with the length of the prefix that the answer is for.
    pub fn echo(&self, scope: u8) -> Vec<u8> {
        let mut value = self.family.to_be_bytes().to_vec();
        value.extend([self.source, scope]);
        value.extend(&self.octets);
        value
    }

    /// The scope in the subnet's own family, for one of the address that it stands for.
    pub fn scope_of(&self, scope: u8) -> u8 {
        match self.address {
            // An IPv4 address written as IPv6: the last 32 bits of 128.
            Some(address @ IpAddr::V6(_)) if address.to_canonical().is_ipv4() => match scope {
                0 => 0,
                scope => 96 + scope,
            },
            _ => scope,
        }
    }
}
