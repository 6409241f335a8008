//! Key files: 32 bytes in hexadecimal, readable by their owner only.

use anyhow::{Context, Result, bail};
use contracts::PrivateKeySigner;
use protocol::{SigningKey, VIEWER_TOKEN_BYTES_MAX, ViewerToken};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A viewer's token, and some blanks.
const TOKEN_FILE_BYTES_MAX: u64 = VIEWER_TOKEN_BYTES_MAX as u64 + 1024;
/// Where an Ethereum account's key comes from, if no file names it.
const ETH_KEY_VARIABLE: &str = "QUITTANCE_ETH_KEY";

/// 32 random bytes in hexadecimal.
pub(crate) fn random_hex() -> String {
    hex(&host::Random::system().bytes::<32>())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a secret once; never over an older one.
#[expect(
    clippy::disallowed_methods,
    reason = "a file of its user: no start of ours opens it"
)]
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    Ok(())
}

/// A secret's text.
pub(crate) fn read_secret(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the key file {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// A viewer's token: from a file, or from standard input where that is `-`.
pub(crate) fn viewer_token(path: &Path) -> Result<ViewerToken> {
    let mut text = String::new();
    let shown = path.display();
    let read = match path == Path::new("-") {
        true => std::io::stdin()
            .take(TOKEN_FILE_BYTES_MAX)
            .read_to_string(&mut text),
        false => File::open(path)
            .and_then(|file| file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read the viewer's token in {shown}"))?;
    text.trim()
        .parse()
        .with_context(|| format!("what is in {shown}"))
}

/// An admin token: from a file, else from the environment.
pub(crate) fn admin_token(file: Option<&Path>) -> Result<String> {
    match (file, std::env::var("QUITTANCE_ADMIN_TOKEN")) {
        (Some(path), _) => read_secret(path),
        (None, Ok(token)) => Ok(token),
        (None, Err(_)) => bail!(
            "an admin token is needed: give --token-file FILE (the operator's is admin.token in the control plane's folder) or set QUITTANCE_ADMIN_TOKEN"
        ),
    }
}

/// The ed25519 key in a file.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey> {
    let text = read_secret(path)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    let bytes: Option<Vec<u8>> = (digits.len() == 64 && digits.is_ascii())
        .then(|| {
            (0..64)
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
                .collect()
        })
        .flatten();
    match bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(seed) => Ok(SigningKey::from_bytes(&seed)),
        None => bail!(
            "{} must hold a key of 64 hexadecimal digits",
            path.display()
        ),
    }
}

/// The ed25519 key in a file, made if there is none.
pub(crate) fn signing_key_or_new(path: &Path) -> Result<SigningKey> {
    if !path.exists() {
        write_secret(path, &random_hex())?;
    }
    signing_key(path)
}

/// The account's key: from a file, else from the environment.
pub(crate) fn account(file: Option<&Path>) -> Result<PrivateKeySigner> {
    let text = match (file, std::env::var(ETH_KEY_VARIABLE)) {
        (Some(path), _) => read_secret(path)?,
        (None, Ok(text)) => text.trim().to_owned(),
        (None, Err(_)) => bail!(
            "an Ethereum account is needed: give --eth-key-file FILE, or put its private key into {ETH_KEY_VARIABLE}"
        ),
    };
    // The parser's message could repeat part of the key.
    text.parse()
        .ok()
        .context("the Ethereum private key must be 64 hexadecimal digits")
}

/// The account's key: from a keystore with its password, else as [`account`] finds it.
pub(crate) fn wallet(
    file: Option<&Path>,
    keystore: Option<&Path>,
    password_file: Option<&Path>,
) -> Result<PrivateKeySigner> {
    let Some(keystore) = keystore else {
        return account(file);
    };
    let Some(password_file) = password_file else {
        bail!("a keystore needs its password: give --password-file FILE");
    };
    let password = fs::read_to_string(password_file)
        .with_context(|| format!("cannot read the password file {}", password_file.display()))?;
    // A line's end is the editor's; blanks may be the password's.
    let password = password.trim_end_matches(['\r', '\n']);
    PrivateKeySigner::decrypt_keystore(keystore, password).with_context(|| {
        let shown = keystore.display();
        format!("cannot open the keystore {shown}; is it one, and is the password right?")
    })
}
