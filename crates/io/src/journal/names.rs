//! What lies beside an output under which name, and what must be the same for a run to go on.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use swathe_core::{Error, MAKE_ROOM, Shard, Sharing};

/// The files beside an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptNames {
    /// The output as far as it is done.
    pub(crate) partial: PathBuf,
    /// What is done of it.
    pub(crate) journal: PathBuf,
    /// The journal of a run that goes on, until it takes the place of the one that was found.
    pub(crate) renewed: PathBuf,
    /// What is carried on from tile to tile.
    pub(crate) carry: PathBuf,
    /// What proves that a complete output is whole.
    pub(crate) receipt: PathBuf,
}

impl KeptNames {
    /// Those of the output that lies at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        KeptNames {
            partial: beside(path, ".partial"),
            journal: beside(path, ".journal"),
            renewed: beside(path, ".journal-new"),
            carry: beside(path, ".carry"),
            receipt: beside(path, ".receipt"),
        }
    }

    /// Those of a shard of the output that lies at `path`. Its receipt says that it is done.
    pub(crate) fn of_shard(path: &Path, shard: Shard, sharing: Sharing) -> Self {
        let own = shard_file(path, shard);
        match sharing {
            Sharing::OneFile => KeptNames { partial: shared_file(path), ..KeptNames::of(&own) },
            Sharing::OwnFiles => KeptNames { partial: own.clone(), ..KeptNames::of(&own) },
        }
    }

    /// Those of the output of a name that may be a link.
    pub(crate) fn of_named(path: &str) -> Self {
        KeptNames::of(&fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path)))
    }

    /// That the journal cannot be written, with the way out where its disk is full.
    pub(super) fn cannot_write_journal(&self, error: std::io::Error) -> Error {
        let told = format_args!("cannot write the journal `{}`", self.journal.display());
        Error::io(told, error).where_full(MAKE_ROOM)
    }
}

/// The file of a name that ends in something more.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// The file into which all shards of the output at `path` write.
pub(crate) fn shared_file(path: &Path) -> PathBuf {
    beside(path, ".shards")
}

/// The file into which one shard alone writes.
pub(crate) fn shard_file(path: &Path, shard: Shard) -> PathBuf {
    beside(path, &format!(".shard-{}-of-{}", shard.number, shard.count))
}

/// What the header of a journal says otherwise than `about`, in words.
pub(crate) fn differences(about: &Map<String, Value>, header: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (key, value) in about {
        let other = &header[key.as_str()];
        if other == value {
            continue;
        }
        found.push(match key.as_str() {
            "version" => format!("it was begun by swathe {}, this is {}", text(other), text(value)),
            "inputs" => format!("{} changed since", changed_inputs(value, other)),
            _ => format!("its {key} is another one"),
        });
    }
    found
}

fn changed_inputs(now: &Value, then: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (now, then) = (list(now), list(then));
    let changed = now.iter().enumerate().filter(|(index, input)| then.get(*index) != Some(input));
    let names = changed.map(|(_, input)| format!("`{}`", input["path"].as_str().unwrap_or("an input")));
    let names = names.collect::<Vec<_>>();
    if names.is_empty() { "the list of inputs".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_named() {
        let Value::Object(about) =
            json!({ "version": "2", "job": { "a": 1 }, "inputs": [{ "path": "a.tif", "bytes": 3 }] })
        else {
            panic!()
        };
        assert!(differences(&about, &json!({ "version": "2", "job": { "a": 1 }, "inputs": [{ "path": "a.tif", "bytes": 3 }], "tile": 1 })).is_empty());
        let found = differences(
            &about,
            &json!({ "version": "1", "job": { "a": 2 }, "inputs": [{ "path": "a.tif", "bytes": 4 }] }),
        );
        assert_eq!(found.len(), 3);
        assert!(found.iter().any(|words| words.contains("swathe 1")));
        assert!(found.iter().any(|words| words.contains("`a.tif` changed")));
    }
}
