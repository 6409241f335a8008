//! The commands that the network is made and used by, and the files they read.

use super::Network;
use super::anvil::give_ether;
use super::config::CHAIN_ID;
use crate::Answer;
use crate::process::Process;
use anyhow::{Context, Result, bail};
use contracts::PrivateKeySigner;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What `quittance publish --json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct Published {
    /// The collection's id.
    pub collection: protocol::CollectionId,
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Vec<PublishedFile>,
}

/// A published file.
#[derive(Debug, Clone, Deserialize)]
pub struct PublishedFile {
    /// Path in the collection.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of the file.
    pub blake3: protocol::ContentHash,
    /// BLAKE3 of what nodes hold of it.
    pub content: protocol::ContentHash,
}

impl Network {
    /// Publishes a file or folder under a name, sealed.
    ///
    /// # Errors
    /// What the command says.
    pub fn publish<'a>(&'a self, path: &'a Path, name: &'a str) -> Answer<'a, Published> {
        self.publish_with(path, name, &[])
    }

    /// As [`Self::publish`], with more flags.
    ///
    /// # Errors
    /// What the command says.
    pub fn publish_with<'a>(
        &'a self,
        path: &'a Path,
        name: &'a str,
        flags: &'a [&str],
    ) -> Answer<'a, Published> {
        Box::pin(async move {
            let token = self.token_path().display().to_string();
            let path = path.display().to_string();
            let args = [
                &path,
                "--name",
                name,
                "--admin",
                &self.admin_url,
                "--token-file",
                &token,
                "--json",
            ];
            self.command("publish", &[&args, flags].concat()).await
        })
    }

    /// Runs a subcommand and reads the JSON it prints.
    ///
    /// # Errors
    /// If it fails: what it said on stderr.
    pub fn command<'a, T: DeserializeOwned>(
        &'a self,
        name: &'a str,
        args: &'a [&str],
    ) -> Answer<'a, T> {
        self.command_ending(name, args, 0)
    }

    /// As [`Self::command`], of a subcommand that is to end with that exit code.
    ///
    /// # Errors
    /// If it ends otherwise: what it said on stderr.
    pub fn command_ending<'a, T: DeserializeOwned>(
        &'a self,
        name: &'a str,
        args: &'a [&str],
        code: i32,
    ) -> Answer<'a, T> {
        let printed = self.printed(name, args, code);
        Box::pin(async move {
            serde_json::from_slice(&printed.await?)
                .with_context(|| format!("`quittance {name}` printed no such JSON"))
        })
    }

    /// What a subcommand prints that ends with that exit code.
    fn printed<'a>(&'a self, name: &'a str, args: &'a [&str], code: i32) -> Answer<'a, Vec<u8>> {
        Box::pin(async move {
            let mut command = self.quittance(name);
            let out = command
                .args(args)
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .output()
                .await?;
            if out.status.code() != Some(code) {
                let said = [out.stderr, out.stdout].concat();
                let said = String::from_utf8_lossy(&said);
                bail!(
                    "`quittance {name}` failed ({}): {}",
                    out.status,
                    said.trim()
                );
            }
            Ok(out.stdout)
        })
    }

    /// A subcommand to be run.
    pub fn quittance(&self, name: &str) -> Command {
        let mut command = Command::new(&self.config.binary);
        command.args(name.split(' '));
        // Not in the home of whoever tries this.
        command.env("QUITTANCE_STATE", self.config.dir.join("state"));
        command
    }

    /// The file with the operator's admin token.
    pub fn token_path(&self) -> PathBuf {
        self.config.dir.join("control/admin.token")
    }

    /// The config file that [`Network::start`] wrote for a part.
    pub fn config_path(&self, name: &str) -> PathBuf {
        self.config.dir.join(format!("{name}.toml"))
    }

    /// The key file of a part's account.
    pub fn key_path(&self, name: &str) -> PathBuf {
        self.config.dir.join(format!("keys/{name}.key"))
    }

    pub(super) fn spawn(&self, name: &str, subcommand: &str) -> Result<Process> {
        let mut command = self.quittance(subcommand);
        command.arg("--config").arg(self.config_path(name));
        Process::spawn(
            name,
            command,
            &self.config.dir.join(format!("logs/{name}.log")),
        )
    }

    /// GETs JSON.
    ///
    /// # Errors
    /// If there is none.
    pub fn get_json<'a, T: DeserializeOwned>(&'a self, url: &'a str) -> Answer<'a, T> {
        let body = self.get(url);
        Box::pin(async move { Ok(serde_json::from_slice(&body.await?)?) })
    }

    /// GETs bytes.
    fn get<'a>(&'a self, url: &'a str) -> Answer<'a, Vec<u8>> {
        Box::pin(async move {
            let answer = self.http.get(url).send().await?;
            Ok(answer.error_for_status()?.bytes().await?.into())
        })
    }

    pub(super) fn chain_config(&self, account: &str) -> String {
        format!(
            "rpc = {:?}\nsettlement = \"{}\"\nchain_id = {CHAIN_ID}\neth_key_file = {:?}\n",
            self.rpc,
            self.deployment.settlement,
            self.key_path(account),
        )
    }

    pub(super) fn write_config(&self, name: &str, text: &str) -> Result<String> {
        let path = self.config_path(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    pub(super) fn write_key(&self, name: &str, key: &str) -> Result<PrivateKeySigner> {
        let path = self.key_path(name);
        fs::write(&path, key).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(key.parse()?)
    }

    /// A fresh account with ether.
    pub(crate) async fn account(&self, name: &str) -> Result<PrivateKeySigner> {
        let signer = PrivateKeySigner::random();
        self.write_key(name, &signer.to_bytes().to_string())?;
        give_ether(&self.http, &self.rpc, signer.address()).await?;
        Ok(signer)
    }
}
