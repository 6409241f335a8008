//! Which control plane's admin API, and with which token.

use crate::keys::admin_token;
use crate::settings::{load, settings};
use anyhow::Result;
use client::ControlApi;
use host::Http;
use std::path::Path;
use std::path::PathBuf;

/// Where a control plane serves its admin API unless it is told otherwise.
const ADMIN: &str = "http://127.0.0.1:8081";

settings! {
    /// Which control plane, and the right to have it do something.
    AdminSettings {
        /// URL of the control plane's admin API [default: http://127.0.0.1:8081].
        #[arg(long, env = "QUITTANCE_ADMIN", value_name = "URL")]
        admin: String,
        /// File with an admin token; else QUITTANCE_ADMIN_TOKEN.
        #[arg(long, env = "QUITTANCE_TOKEN_FILE", value_name = "FILE")]
        token_file: PathBuf,
    }
}

impl AdminSettings {
    /// Whom to ask, and the token to show.
    pub(crate) fn api(self, config: Option<&Path>) -> Result<(ControlApi, String)> {
        let settings = load(self, config)?;
        reach(settings.admin.as_deref(), settings.token_file.as_deref())
    }
}

/// Whom to ask, and the token to show.
pub(crate) fn reach(
    admin: Option<&str>,
    token_file: Option<&Path>,
) -> Result<(ControlApi, String)> {
    let token = admin_token(token_file)?;
    Ok((
        ControlApi::over(&Http::system(), admin.unwrap_or(ADMIN))?,
        token,
    ))
}
