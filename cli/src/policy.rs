//! `quittance policy`, and its options in `quittance publish`: who may have a collection.

use crate::admin::AdminSettings;
use crate::output;
use anyhow::{Context, Result, ensure};
use protocol::{Country, Policy, ViewerKey};
use std::fs;
use std::path::{Path, PathBuf};

/// Who may have it, and from which nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Viewers need a token that is signed by this key: a public JWK as `quittance token key` writes it; may
    /// be given several times.
    #[arg(long = "viewer-key", value_name = "FILE")]
    viewer_keys: Vec<PathBuf>,
    /// Viewers must be in this country (ISO 3166-1: DE, GB, …), or in another that is named so; one whose
    /// country isn't known is in none.
    #[arg(
        long = "allow-country",
        value_name = "CODE",
        conflicts_with = "deny_countries"
    )]
    allow_countries: Vec<Country>,
    /// Viewers must not be in this country; one whose country isn't known isn't.
    #[arg(long = "deny-country", value_name = "CODE")]
    deny_countries: Vec<Country>,
    /// Nodes must have this capability, by the operator's zone file; may be given several times.
    #[arg(long = "requires", value_name = "CAPABILITY")]
    requires: Vec<String>,
}

impl PolicyArgs {
    /// None if nothing is said.
    pub(crate) fn policy(&self) -> Result<Option<Policy>> {
        let keys = self.viewer_keys.iter().map(|path| viewer_key(path));
        let policy = Policy {
            viewer_keys: keys.collect::<Result<_>>()?,
            allow_countries: self.allow_countries.clone(),
            deny_countries: self.deny_countries.clone(),
            requires: self.requires.clone(),
        };
        policy.check()?;
        Ok((!policy.is_open()).then_some(policy))
    }
}

/// A public key in a file.
pub(crate) fn viewer_key(path: &Path) -> Result<ViewerKey> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    serde_json::from_str(&text).with_context(|| format!("{shown} is no viewer key"))
}

/// What is said replaces all that was said before. It is for all versions under the name, at once: tickets that
/// are out go on until they expire.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quittance policy film --viewer-key viewers.jwk                          viewers need a token
  quittance policy film --viewer-key viewers.jwk --allow-country DE --allow-country AT
  quittance policy film --everybody                                       nobody needs anything")]
pub(crate) struct Args {
    /// Name of the collection.
    name: String,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Drop all rules: everybody may have it, from every node.
    #[arg(
        long,
        conflicts_with_all = ["viewer_keys", "allow_countries", "deny_countries", "requires"]
    )]
    everybody: bool,
    #[command(flatten)]
    settings: AdminSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the collection as JSON.
    #[arg(long)]
    json: bool,
}

#[allow(clippy::print_stdout)]
pub(crate) async fn run(args: Args) -> Result<()> {
    let (api, token) = args.settings.api(args.config.as_deref())?;
    let policy = args.policy.policy()?;
    ensure!(
        policy.is_some() || args.everybody,
        "say who may have it, or --everybody; `quittance show {}` says who may now",
        args.name
    );
    let policy = policy.unwrap_or_default();
    let summary = api.set_policy(&args.name, &policy, &token).await?;
    if args.json {
        return output::print(true, &summary);
    }
    println!("{}  {}", summary.name, summary.collection);
    for line in lines(&summary.policy) {
        println!("  {line}");
    }
    Ok(())
}

/// A policy as people read it.
pub(crate) fn lines(policy: &Policy) -> Vec<String> {
    let list = |countries: &[Country]| {
        let codes: Vec<_> = countries.iter().map(Country::to_string).collect();
        codes.join(", ")
    };
    let mut lines = Vec::new();
    for key in &policy.viewer_keys {
        let issuer = key.issuer.as_ref().map(|issuer| format!(" of {issuer}"));
        lines.push(format!(
            "viewers need a token signed by {}{} ({})",
            key.kid,
            issuer.unwrap_or_default(),
            key.point.algorithm()
        ));
    }
    if !policy.allow_countries.is_empty() {
        lines.push(format!("viewers in {} only", list(&policy.allow_countries)));
    }
    if !policy.deny_countries.is_empty() {
        lines.push(format!("no viewers in {}", list(&policy.deny_countries)));
    }
    if !policy.requires.is_empty() {
        lines.push(format!("nodes with {} only", policy.requires.join(", ")));
    }
    if lines.is_empty() {
        lines.push("everybody may have it, from every node".into());
    }
    lines
}
