//! `swathe verify OUTPUT`: proves a result against its receipt.

use clap::ArgMatches;
use serde_json::json;
use swathe::{Damage, Error, ErrorKind, Receipt};

use crate::exit::{Done, print};
use crate::operators;

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches) -> Result<Done, Error> {
    let output = matches.get_one::<String>("OUTPUT").map_or("", String::as_str);
    let (receipt, damage) = swathe::verify(output)?;
    if matches.get_flag("json") {
        print(&operators::json(&json!({
            "output": output,
            "whole": damage.is_none(),
            "version": receipt.header["version"],
            "job": receipt.header["job"],
            "inputs": receipt.header["inputs"],
            "tiles": receipt.tiles,
            "bytes": damage.bytes,
            "head_damaged": damage.head,
            "damaged_tiles": damage.tiles,
            "damaged_files": damage.files.iter().map(|(name, ..)| name).collect::<Vec<_>>(),
        }))?)?;
    }
    if !damage.is_none() {
        let message = format!(
            "`{output}` is damaged: {}; `swathe repair` computes that again",
            words(&receipt, &damage)
        );
        return Err(Error::new(ErrorKind::Damaged, message));
    }
    if !matches.get_flag("json") {
        let version = receipt.header["version"].as_str().unwrap_or("of an unknown version");
        print(&format!(
            "`{output}` is whole: {} bytes of {} tiles are what swathe {version} wrote",
            damage.bytes, receipt.tiles
        ))?;
    }
    Ok(Done::Well)
}

/// What is damaged, in words.
pub(crate) fn words(receipt: &Receipt, damage: &Damage) -> String {
    let mut parts = Vec::new();
    if damage.head {
        parts.push("what stands before the first tile".to_owned());
    }
    if let Some(first) = damage.tiles.first() {
        let more = if damage.tiles.len() > 1 { ", the first of them" } else { "" };
        parts.push(format!("{} of {} tiles{more} number {}", damage.tiles.len(), receipt.tiles, first + 1));
    }
    for (name, bytes, found) in &damage.files {
        parts.push(match found {
            None => format!("`{name}` is missing"),
            Some(found) if found == bytes => format!("`{name}` has another content"),
            Some(found) => format!("`{name}` has {found} bytes instead of {bytes}"),
        });
    }
    parts.join(", ")
}
