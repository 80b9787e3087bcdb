//! Folders in which the command is run and killed, with a few scenes to work on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::command::{command_path, folder};

/// What is in a place from the beginning.
pub const INPUTS: [&str; 5] = ["a.tif", "b.tif", "c.tif", "m.tif", "z.tif"];

/// A place to be killed in, with its inputs.
#[derive(Debug)]
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// With scenes of a size.
    ///
    /// # Panics
    /// Where the command fails.
    pub fn new(size: &str) -> Self {
        let place = Place { folder: folder() };
        place.well(&format!("generate a.tif --size {size}"));
        place.well(&format!("generate b.tif --size {size} --seed 2"));
        place.well(&format!("generate c.tif --size {size} --bands 3 --type u8"));
        place.well("copy a.tif m.tif --nodata-value 900");
        place.well("calc z.tif A%97>0 -A a.tif --type u8");
        for name in place.names() {
            if name.ends_with(".receipt") {
                fs::remove_file(place.folder.path().join(name)).expect("a receipt can be removed");
            }
        }
        place
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command, to be started here in silence.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(command_path());
        command.args(words(line)).current_dir(self.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs a line, and keeps what it says.
    ///
    /// # Panics
    /// Where the command cannot be started.
    pub fn run(&self, line: &str) -> Output {
        let mut command = self.command(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("the command can be started")
    }

    /// Runs a line that must succeed; returns its standard output.
    ///
    /// # Panics
    /// Where it fails.
    pub fn well(&self, line: &str) -> String {
        let ended = self.run(line);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "`{line}`: {said} {:?}", self.names());
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }

    /// Runs a line and kills it after a while, unless it is done before.
    ///
    /// # Panics
    /// Where the command cannot be started.
    pub fn kill_after(&self, line: &str, wait: Duration) {
        let mut child = self.command(line).spawn().expect("the command can be started");
        std::thread::sleep(wait);
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
    }

    /// Runs a line into `output` and kills it once a part of its tiles is written down, and a moment later, unless it is done
    /// before; however slow or busy the machine may be, it is then at work.
    ///
    /// # Panics
    /// Where the command cannot be started.
    pub fn kill_at_work(&self, line: &str, output: &str, part: f64, wait: Duration) {
        let mut child = self.command(line).spawn().expect("the command can be started");
        let journal = self.path().join(format!("{output}.journal"));
        let is_reached = || {
            let lines = fs::read_to_string(&journal).unwrap_or_default();
            let header = lines.lines().next().and_then(|line| line.split('\t').next());
            let header = header.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
            let tiles = header.and_then(|header| header["tiles"].as_f64());
            // The header and the head come before the tiles.
            tiles.is_some_and(|tiles| lines.lines().count() as f64 >= 3.0 + part * (tiles - 1.0))
        };
        while !is_reached() && child.try_wait().expect("a child can be waited for").is_none() {
            std::thread::sleep(Duration::from_micros(300));
        }
        std::thread::sleep(wait);
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
    }

    /// The names of all that is here, in order.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the folder can be read");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("the folder can be read").file_name().to_string_lossy().into_owned()
        };
        let mut names = entries.map(name).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// The bytes of a file, or the names and bytes of all that is in a folder.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        content(&self.path().join(name)).ok()
    }

    /// Puts an older output of a name there.
    ///
    /// # Panics
    /// Where nothing can be written.
    pub fn put_old(&self, name: &str) {
        let path = self.path().join(name);
        let _ = fs::remove_dir_all(&path);
        let written = if name.ends_with(".zarr") {
            fs::create_dir(&path).and_then(|()| fs::write(path.join("zarr.json"), "an older output"))
        } else {
            fs::write(path, "an older output")
        };
        written.expect("the folder can be written");
    }

    /// Everything that is no input, which is taken away.
    ///
    /// # Panics
    /// Where something cannot be removed.
    pub fn taken(&self) -> BTreeMap<String, Vec<u8>> {
        let made = self.names().into_iter().filter(|name| !INPUTS.contains(&name.as_str()));
        made.map(|name| {
            let bytes = self.read(&name).unwrap_or_default();
            let path = self.path().join(&name);
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.expect("what was made can be removed");
            (name, bytes)
        })
        .collect()
    }

    /// The results of a run that went well, which are taken away: its files, one receipt, and nothing else.
    ///
    /// # Panics
    /// Where they are not.
    pub fn results(&self, line: &str, files: &[&str]) -> BTreeMap<String, Vec<u8>> {
        self.well(&format!("verify {}", files[0]));
        let mut results = self.taken();
        let receipt = format!("{}.receipt", files[0]);
        assert!(results.remove(&receipt).is_some(), "`{line}` has no receipt");
        let mut expected = files.to_vec();
        expected.sort_unstable();
        assert!(results.keys().eq(expected), "`{line}` left {:?}", results.keys());
        results
    }
}

/// The bytes of a file, or the names and bytes of all that is in a folder.
fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    if !path.is_dir() {
        return fs::read(path);
    }
    let entries = fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths = entries.iter().map(fs::DirEntry::path).collect::<Vec<_>>();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let bytes = content(&path)?;
        all.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
        all.extend((bytes.len() as u64).to_le_bytes());
        all.extend(bytes);
    }
    Ok(all)
}

/// The words of a line.
pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Numbers that look random: xorshift of 64 bits.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of some words.
    pub fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[(self.part() * words.len() as f64) as usize % words.len()]
    }

    /// Options of a run that have nothing to do with its result.
    pub fn options(&mut self) -> String {
        let threads = self.one_of(&["--threads 1", "--threads 2", "--threads 3"]);
        let tile = self.one_of(&["--tile 256x128", "--tile 256x128", "--tile 512x64", "--tile 300x200", ""]);
        let memory = self.one_of(&["", "--memory 64MiB", "--memory 200MiB"]);
        format!("{threads} {tile} {memory}")
    }
}
