//! `quittance token`: what owners give their viewers.

use crate::keys::{read_secret, viewer_token, write_secret};
use crate::output;
use crate::policy::viewer_key;
use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Subcommand, ValueEnum};
use formats::viewer_tokens::{Claims, OwnerKey, OwnerKeyKind, UnverifiedToken, whole_collection};
use protocol::B256;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A collection whose policy has viewer keys goes to those only who show a token that one of them signed. The
/// owner keeps the private key and signs a token for each viewer; the control plane has the public one. Tokens
/// are JWTs after RFC 9246, so any JWT library makes them, too.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  quittance token key viewers                          writes viewers.key (secret) and viewers.jwk (public)
  quittance policy film --viewer-key viewers.jwk       from now on viewers of film need a token
  quittance token make film --key viewers.key --expires 4h > anna.token
  quittance get film --token anna.token
  quittance token inspect anna.token --key viewers.jwk
  quittance order revoke --token HASH                  the hash is what inspect shows")]
pub(crate) enum Command {
    /// Make a pair of keys: NAME.key signs tokens and stays with the owner, NAME.jwk is for `publish` and `policy`.
    Key(KeyArgs),
    /// Make a token and print it.
    Make(Box<MakeArgs>),
    /// Say what a token allows, and check it against a public key: exit 0 if it counts now, 1 if not.
    Inspect(InspectArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Algorithm {
    /// Ed25519.
    Eddsa,
    /// P-256.
    Es256,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// Where: NAME.key and NAME.jwk are written, never over older ones.
    #[arg(value_name = "NAME")]
    name: PathBuf,
    /// How it signs.
    #[arg(long, value_enum, default_value = "eddsa")]
    algorithm: Algorithm,
    /// What tokens call the key [default: a hash of its public half].
    #[arg(long, value_name = "ID")]
    kid: Option<String>,
    /// Who signs by it; its tokens say the same (iss).
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// Print the public key as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MakeArgs {
    /// The collection's name, for all its versions, or an id for one.
    #[arg(value_name = "COLLECTION", required_unless_present = "container")]
    collection: Option<String>,
    /// The owner's private key, as `quittance token key` writes it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// For how long: 30s, 15m, 4h, 7d; at most 366d.
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = seconds)]
    expires: u64,
    /// It counts from then on only, so long from now.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    begins: Option<u64>,
    /// It counts for viewers in this network only, like 192.0.2.0/24.
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// Most bytes, like 500MB or 20GiB. Tickets count with all that they allow, so give some more than is watched.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    bytes: Option<u64>,
    /// Most clients that use it at a time; a gateway is one.
    #[arg(long, value_name = "N")]
    sessions: Option<u32>,
    /// Which URIs, in place of COLLECTION: regex:… or hash:sha-256;… over /NAME/PATH (RFC 9246, cdniuc). It must be
    /// for all files of a collection: tickets are.
    #[arg(long, value_name = "CONTAINER", conflicts_with = "collection")]
    container: Option<String>,
    /// Print the token with its hash and what it says, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// File with the token, or - for standard input. (An argument would be seen by others on this machine.)
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// A public key; may be given several times. Without one nobody knows who signed it.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// A viewer's address, to check the network by.
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Key(args) => key(args).map(|()| ExitCode::SUCCESS),
        Command::Make(args) => make(*args).map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => inspect(&args),
    }
}

fn now_s() -> Result<u64> {
    match host::Clock::system().now_ms() / 1000 {
        0 => bail!("this machine's clock is before 1970"),
        now => Ok(now),
    }
}

fn key(args: KeyArgs) -> Result<()> {
    let kind = match args.algorithm {
        Algorithm::Eddsa => OwnerKeyKind::Ed25519,
        Algorithm::Es256 => OwnerKeyKind::P256,
    };
    let key = OwnerKey::generate(kind, args.kid, args.issuer)?;
    let beside = |ending: &str| {
        let mut name = args.name.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let (secret, public) = (beside(".key"), beside(".jwk"));
    ensure!(!public.exists(), "{} is there already", public.display());
    write_secret(&secret, &key.to_json())?;
    let text = serde_json::to_string_pretty(key.public())?;
    File::create_new(&public)
        .and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("cannot create {}", public.display()))?;
    if args.json {
        return output::print(true, key.public());
    }
    eprintln!(
        "{} signs tokens: keep it secret. {} is for `quittance policy NAME --viewer-key`.",
        secret.display(),
        public.display()
    );
    Ok(())
}

/// What is printed of a token.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    hash: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    claims: Claims,
    /// Whether it counts now; unknown without a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

#[allow(clippy::print_stdout)]
fn make(args: MakeArgs) -> Result<()> {
    let text = read_secret(&args.key)?;
    let key = OwnerKey::from_json(&text)
        .with_context(|| format!("cannot sign with {}", args.key.display()))?;
    let now = now_s()?;
    let id: [u8; 12] = host::Random::system().bytes();
    let container = match (args.container, args.collection) {
        (Some(container), _) => container,
        (None, Some(name)) => {
            ensure!(
                !name.contains('/'),
                "a token is for a collection, not for a file of it: give its name"
            );
            whole_collection(&name)
        }
        (None, None) => bail!("give a collection"),
    };
    let begins = args.begins.map(|seconds| now.saturating_add(seconds));
    let claims = Claims {
        issuer: key.public().issuer.clone(),
        expires_at: begins.unwrap_or(now).saturating_add(args.expires),
        not_before: begins,
        issued_at: Some(now),
        container,
        network: args.network,
        bytes: args.bytes,
        sessions: args.sessions,
        id: Some(crate::keys::hex(&id)),
    };
    let token = key.sign(&claims)?;
    // What nobody would take isn't handed out.
    let keys = [key.public().clone()];
    let at = begins.unwrap_or(now);
    UnverifiedToken::read(token.clone())
        .and_then(|read| read.verify(&keys, at, None))
        .map_err(|refused| anyhow!("no control plane would take it: {refused}"))?;
    if !args.json {
        println!("{}", token.as_str());
        return Ok(());
    }
    let shown = Shown {
        hash: token.hash(),
        kid: Some(key.public().kid.clone()),
        token: Some(token.into()),
        claims,
        valid: None,
        refused: None,
    };
    output::print(true, &shown)
}

fn inspect(args: &InspectArgs) -> Result<ExitCode> {
    let token = viewer_token(&args.token)?;
    let keys = args.keys.iter().map(|path| viewer_key(Path::new(path)));
    let keys = keys.collect::<Result<Vec<_>>>()?;
    let now = now_s()?;
    let read = UnverifiedToken::read(token).map_err(|refused| anyhow!("{refused}"))?;
    let mut shown = Shown {
        token: None,
        hash: read.hash(),
        kid: read.kid().map(str::to_owned),
        claims: read.peek().clone(),
        valid: None,
        refused: None,
    };
    if !keys.is_empty() {
        let refused = read.verify(&keys, now, args.from).err();
        shown.valid = Some(refused.is_none());
        shown.refused = refused.map(|refused| refused.to_string());
    }
    if args.json {
        output::print(true, &shown)?;
    } else {
        print(&shown, now);
    }
    Ok(match shown.valid {
        Some(false) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

#[allow(clippy::print_stdout)]
fn print(shown: &Shown, now: u64) {
    let claims = &shown.claims;
    println!("hash      {}", shown.hash);
    println!("key       {}", shown.kid.as_deref().unwrap_or("not named"));
    if let Some(issuer) = &claims.issuer {
        println!("issuer    {issuer}");
    }
    println!("for       {}", claims.container);
    if let Some(from) = claims.not_before.filter(|from| *from > now) {
        println!("begins    in {} s", from - now);
    }
    match claims.expires_at.checked_sub(now) {
        Some(left) => println!("expires   in {left} s"),
        None => println!("expires   it has, {} s ago", now - claims.expires_at),
    }
    if let Some(network) = &claims.network {
        println!("network   {network}");
    }
    if let Some(most) = claims.bytes {
        println!("bytes     at most {}", output::bytes(most));
    }
    if let Some(most) = claims.sessions {
        println!("sessions  at most {most} at a time");
    }
    match (shown.valid, &shown.refused) {
        (Some(true), _) => println!("valid     signed by a key that was given, and counts now"),
        (_, Some(refused)) => println!("valid     no: {refused}"),
        _ => println!("valid     unknown: give the owner's public key with --key"),
    }
}

/// A number and what it counts.
fn split(text: &str) -> Result<(u64, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end]
        .parse()
        .map_err(|_| "it begins with a whole number")?;
    Ok((number, &text[end..]))
}

fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("a time is a number with s, m, h or d, like 4h".into()),
    };
    number
        .checked_mul(each)
        .ok_or_else(|| "it is too long".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let each = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err("bytes are a number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB".into()),
    };
    number
        .checked_mul(each)
        .ok_or_else(|| "they are too many".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_bytes_are_read() {
        assert_eq!(seconds("4h"), Ok(14_400));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert_eq!(bytes("12"), Ok(12));
        for wrong in [
            "",
            "4",
            "h",
            "-1h",
            "4 h",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "x", "1XB", "18446744073709551615TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
