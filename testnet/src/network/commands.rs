//! The commands that the network is made and used by, and the files they read.

use super::Network;
use super::anvil::give_ether;
use super::config::CHAIN_ID;
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
    pub async fn publish(&self, path: &Path, name: &str) -> Result<Published> {
        self.publish_with(path, name, &[]).await
    }

    /// As [`Self::publish`], with more flags.
    ///
    /// # Errors
    /// What the command says.
    pub async fn publish_with(&self, path: &Path, name: &str, flags: &[&str]) -> Result<Published> {
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
    }

    /// Runs a subcommand and reads the JSON it prints.
    ///
    /// # Errors
    /// If it fails: what it said on stderr.
    pub async fn command<T: DeserializeOwned>(&self, name: &str, args: &[&str]) -> Result<T> {
        self.command_ending(name, args, 0).await
    }

    /// As [`Self::command`], of a subcommand that is to end with that exit code.
    ///
    /// # Errors
    /// If it ends otherwise: what it said on stderr.
    pub async fn command_ending<T: DeserializeOwned>(
        &self,
        name: &str,
        args: &[&str],
        code: i32,
    ) -> Result<T> {
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
        serde_json::from_slice(&out.stdout)
            .with_context(|| format!("`quittance {name}` printed no such JSON"))
    }

    /// A subcommand to be run.
    pub fn quittance(&self, name: &str) -> Command {
        let mut command = Command::new(&self.config.binary);
        command.args(name.split(' '));
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
    pub async fn get_json<T: DeserializeOwned>(&self, url: &str) -> Result<T> {
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
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
