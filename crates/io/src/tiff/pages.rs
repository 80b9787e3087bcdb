//! Which directories of a file are pages, and which are smaller copies or masks of one.

use swathe_core::{Error, Result, Size};

use crate::access::InputFile;
use crate::tiff::directory::{Directory, Entry, Structure};
use crate::tiff::tag;

/// Bits of NewSubfileType: a copy of less resolution, a mask.
const COPY: u64 = 1;
const MASK: u64 = 4;

/// The directories of a file, sorted out. Numbers count directories of the chain, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pages {
    /// Directories that are pages.
    pub(crate) pages: Vec<usize>,
    /// The directory of the page that was asked for.
    pub(crate) chosen: usize,
    /// The directory of its mask.
    pub(crate) mask: Option<usize>,
    /// Its smaller copies.
    pub(crate) overviews: Vec<Size>,
    /// Masks of the page and of its copies.
    pub(crate) masks: usize,
    /// Directories that hang on the page by SubIFDs, which are not read.
    pub(crate) hanging: u64,
}

impl Pages {
    /// Sorts out directories, for page `page`, from 0.
    ///
    /// # Errors
    /// Usage, where there is no such page.
    pub(crate) fn read(file: &InputFile, structure: &Structure, page: usize) -> Result<Self> {
        let kinds = structure.directories.iter().map(|directory| kind(file, structure, directory));
        let kinds = kinds.collect::<Vec<_>>();
        let is_page = |number: &usize| kinds[*number] & (COPY | MASK) == 0;
        let mut pages = (0..kinds.len()).filter(is_page).collect::<Vec<_>>();
        if pages.is_empty() {
            // A file of nothing but copies still has a first image.
            pages.push(0);
        }
        let chosen = *pages.get(page).ok_or_else(|| {
            let count = pages.len();
            let (have, noun) = (file.name(), if count == 1 { "page" } else { "pages" });
            Error::usage(format!("`{have}` has {count} {noun}; there is no page {}", page + 1))
        })?;
        let size_of = |number: usize| {
            let directory = &structure.directories[number];
            let side = |tag: u16| first(file, structure, directory, tag).unwrap_or(0) as usize;
            Size::new(side(tag::IMAGE_WIDTH), side(tag::IMAGE_LENGTH))
        };
        // What belongs to a page stands between it and the next.
        let next = pages.iter().copied().find(|&other| other > chosen).unwrap_or(kinds.len());
        let own = chosen + 1..next;
        let mask = own.clone().find(|&number| {
            kinds[number] & MASK != 0 && kinds[number] & COPY == 0 && size_of(number) == size_of(chosen)
        });
        let copies = own.clone().filter(|&number| kinds[number] & (COPY | MASK) == COPY);
        Ok(Pages {
            chosen,
            mask,
            overviews: copies.map(size_of).collect(),
            masks: own.filter(|&number| kinds[number] & MASK != 0).count(),
            hanging: structure.directories[chosen].entry(tag::SUB_IFDS).map_or(0, |entry| entry.count),
            pages,
        })
    }
}

/// NewSubfileType, or what the older SubfileType says in its words.
fn kind(file: &InputFile, structure: &Structure, directory: &Directory) -> u64 {
    /// SubfileType of a copy of less resolution.
    const OLD_COPY: u64 = 2;
    first(file, structure, directory, tag::NEW_SUBFILE_TYPE).unwrap_or_else(|| {
        let old = first(file, structure, directory, tag::SUBFILE_TYPE);
        if old == Some(OLD_COPY) { COPY } else { 0 }
    })
}

fn first(file: &InputFile, structure: &Structure, directory: &Directory, tag: u16) -> Option<u64> {
    let entry = directory.entry(tag)?;
    let values = structure.integers(file, &Entry { count: entry.count.min(1), ..*entry }).ok()?;
    values.first().copied()
}
